"""Heads of both logs that signed commits outside of this home hold.

Whoever may write to the home can rewrite a log so that it is whole in itself. It then differs from
a head that was recorded elsewhere before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.events.chain import Head
from goldenpath.observe.log.log_check import Anchor


@dataclass(frozen=True, slots=True)
class HeldHead:
    """What one commit of the branch `anchors` holds about the logs of this machine."""

    commit: str
    time: datetime
    """The time that the witness signed."""
    events: Head
    segments: tuple[Anchor, ...] = ()
    """The newest segment of each replica at that time."""
    tree: str = ""
    """The tree head over the lines of the audit log."""


@dataclass(frozen=True, slots=True)
class HeldHeads:
    """Everything that signed commits hold about the logs of this machine, the oldest first."""

    heads: tuple[HeldHead, ...] = ()
    log_keys: tuple[bytes, ...] = ()
    """Public keys of the prediction log in DER. Only they count, if there is one."""
    faults: tuple[str, ...] = ()
    """What is wrong with the branch itself."""

    @property
    def segments(self) -> Iterator[Anchor]:
        """Every segment that a commit names."""
        for head in self.heads:
            yield from head.segments

    def sentence(self, until: datetime | None = None) -> str:
        """Return up to where the audit log is held elsewhere, as known at `until`."""
        known = [each for each in self.heads if until is None or each.time <= until]
        if not known:
            return "nobody else holds its head: its end could be cut off unseen"
        last = known[-1]
        return (
            f"its first {last.events.count} events are held by commit {last.commit[:12]} "
            f"of {last.time:%Y-%m-%dT%H:%M:%SZ} on the branch anchors"
        )


NOT_HELD = HeldHeads()


def contradicted(held: Sequence[HeldHead], digests: Mapping[int, str], last: int) -> Iterator[str]:
    """Return how an audit log of `last` events differs from the heads that are held.

    `digests` has the digest of its line by number of lines up to it, for each number that is held.
    """
    for each in held:
        where = f"commit {each.commit[:12]} of the branch anchors"
        count = each.events.count
        if count > last:
            yield f"the audit log ends at event {last}: {where} holds {count} events"
        elif count and digests.get(count) != each.events.digest:
            actual = digests.get(count, "nothing that can be read")
            yield (
                f"event {count} of the audit log is another: {where} holds {each.events.digest}, "
                f"got {actual}"
            )
