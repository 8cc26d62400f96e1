"""The page of `goldenpath register`: every system as text."""

from collections.abc import Iterator

from goldenpath.audit.registers.system_register import SystemRecord, SystemRegister
from goldenpath.audit.timeline.moment import show_moment


def register_text(register: SystemRegister) -> str:
    """Return the register as text, with what it cannot know at its end."""
    return "\n".join(_lines(register))


def _lines(register: SystemRegister) -> Iterator[str]:
    count = len(register.systems)
    yield (
        f"{count} system{'' if count == 1 else 's'} at {show_moment(register.moment)}, "
        f"by git up to {register.commit[:12]}"
    )
    for system in register.systems:
        yield ""
        yield from _system(system)
    yield ""
    yield "this register does not know:"
    for line in register.beyond:
        yield f"  {line}"


def _system(system: SystemRecord) -> Iterator[str]:
    yield system.model
    for name, fact in (
        ("tier", system.tier),
        ("owner", system.owner),
        ("declared owner", system.declared_owner),
        ("classified by", system.classified_by),
        ("first service", system.first_service),
        ("renewed", system.renewed),
    ):
        source = f"  ({fact.source})" if fact.source else ""
        yield f"  {name:14} {fact.text}{source}"
    for stage in system.stages:
        releases = ", ".join(f"{each.digest} {each.percent} %" for each in stage.releases)
        if stage.state not in ("live", "canary"):
            releases = f"before: {releases}"
        yield f"  {stage.stage:14} {stage.state} since {show_moment(stage.since)}: {releases}"
        signer = " and ".join((stage.signer or "nobody listed", *stage.confirmed_by))
        yield f"  {'':14} commit {stage.commit[:12]}, signed by {signer}: {stage.reason}"
    if not system.findings:
        yield f"  {'open findings':14} none that is known"
    for number, finding in enumerate(system.findings):
        name = "longest open" if not number else "also open"
        yield (
            f"  {name:14} {finding.kind} in {finding.stage} since {show_moment(finding.since)}: "
            f"{finding.message} ({finding.source})"
        )
