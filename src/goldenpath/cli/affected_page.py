"""The page of `goldenpath affected`, as text."""

from collections.abc import Iterator

from goldenpath.audit.registers.affected import AffectedRegister, AffectedRelease, ReleasePlace
from goldenpath.audit.timeline.moment import show_moment


def affected_text(register: AffectedRegister) -> str:
    """Return the releases that contain the part, then those of which nobody knows."""
    return "\n".join(_lines(register))


def _lines(register: AffectedRegister) -> Iterator[str]:
    sure, unsure = len(register.affected), len(register.could_not_find_out)
    yield (
        f"{register.query} at {show_moment(register.moment)}: in {sure} releases, "
        f"could not find out for {unsure}, not in {len(register.free)}"
    )
    for release in (*register.affected, *register.could_not_find_out):
        yield from _release(release)
    for line in register.unknown:
        yield f"could not find out which releases there are: {line}"
    yield "this answer does not cover:"
    for line in register.beyond:
        yield f"  {line}"


def _release(release: AffectedRelease) -> Iterator[str]:
    state = "LIVE" if release.is_live else "past" if release.places else "never placed"
    yield f"{state} {release.model or 'model not known'} {release.release}"
    yield f"  owner: {release.owner or 'nobody is named in platform.toml'}"
    for place in release.places:
        yield f"  {_place(place)}"
    for part in release.parts:
        certain = "contains" if part.is_certain else "may contain"
        yield f"  {certain} {part.part} (bill {part.bill.short})"
    if release.unknown:
        yield f"  could not find out: {release.unknown}"


def _place(place: ReleasePlace) -> str:
    end = place.state if place.until is None else f"until {show_moment(place.until)}"
    return f"{place.stage} since {show_moment(place.since)}, {end}"
