"""What a stolen key touched, as text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goldenpath.audit.timeline.moment import show_moment

if TYPE_CHECKING:
    from goldenpath.audit.registers.key_reach import KeyReach, TouchedRelease


def key_reach_text(reach: "KeyReach") -> str:
    """Return the releases, judgements and answers that the key may have touched."""
    return "\n".join(_lines(reach))


def _lines(reach: "KeyReach") -> Iterator[str]:
    count = len(reach.releases)
    yield f"{reach.key} touched {count} releases since {show_moment(reach.since)}, as it says"
    for release in reach.releases:
        yield from _release(release)
    for line in reach.unknown:
        yield f"could not find out {line}"


def _release(release: "TouchedRelease") -> Iterator[str]:
    yield f"{release.release} {release.model or 'never placed'}"
    yield f"  {release.statements} statements, signed {release.signed}"
    for place in release.places:
        end = place.state if place.until is None else f"until {show_moment(place.until)}"
        yield f"  {place.stage} since {show_moment(place.since)}, {end}"
    for each in release.judgements:
        when = show_moment(each.signed_at) if each.signed_at else "at an unknown time"
        yield f"  {each.kind} for {each.stage} by {each.by}, {when}"
    answers = "not known" if release.answers is None else f"{release.answers}"
    yield f"  answers since then: {answers}"
