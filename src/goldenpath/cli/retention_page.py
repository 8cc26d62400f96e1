"""What `goldenpath log retention` shows."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from goldenpath.observe.log.keeping.kept_until import KeptClass
from goldenpath.observe.log.keeping.legal_hold import NEEDED, LegalHold
from goldenpath.times import timestamp

_ALWAYS = (
    "always kept: checkpoints, the audit log, statements about releases, certificates of erasure",
    "until the person is erased: the key of a person (goldenpath log erase)",
)


def render_retention(classes: Sequence[KeptClass], holds: Sequence[LegalHold], at: datetime) -> str:
    """Return the page for people."""
    return "\n".join(_lines(classes, holds, at))


def _lines(classes: Sequence[KeptClass], holds: Sequence[LegalHold], at: datetime) -> Iterator[str]:
    for each in classes:
        unit = "days" if each.what == "inputs" else "segments"
        rule = f"{each.rule} days" if each.rule else "without end"
        line = f"{each.stage} {each.what}: kept {rule}; {each.count} {unit}"
        line += f", the oldest of {each.oldest}" if each.oldest else ""
        line += f"; the first ends at {each.ends}" if each.ends else ""
        line += f"; {each.ending} end up to {timestamp(at)}" if each.ending else ""
        yield line + (f"; {each.held} kept by a hold" if each.held else "")
    for hold in holds:
        placed = [act for act in hold.acts if act.act == "hold"]
        origin = (
            f"placed by {placed[0].by} at {placed[0].time}: {placed[0].reason}" if placed else ""
        )
        lifts = ", ".join(f"{act.by} at {act.time}" for act in hold.lifts)
        state = (
            f"in force, lifted by {len(hold.lifts)} of {NEEDED}" if hold.is_in_force else "lifted"
        )
        yield (
            f"hold {hold.case}: {state}{f' ({lifts})' if lifts else ''}; "
            f"{len(hold.records.predictions)} records, {origin or 'placed by nobody on record'}"
        )
    yield from _ALWAYS
