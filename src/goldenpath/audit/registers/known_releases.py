"""Every release that a platform knows: from commits, from tags of its store, from events."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from goldenpath.audit.events.chain import Break
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.home import Home
from goldenpath.release.artifact.release_tags import tagged_releases


@dataclass(frozen=True, slots=True)
class KnownReleases:
    """Releases by digest, and what may be missing among them."""

    digests: tuple[Digest, ...]
    unknown: tuple[str, ...]


def known_releases(records: SignedRecords, history: Sequence[Intent], home: Home) -> KnownReleases:
    """Return every release that was placed, is tagged in the store, or that an event names."""
    digests = {slot.digest for intent in history for slot in intent.slots}
    unknown: list[str] = []
    until = show_moment(records.moment)[:19]
    try:
        digests |= tagged_releases(records.open_store())
    except GoldenPathError as error:
        unknown.append(f"the tags of the store cannot be read: {error.message}")
    for line in EventLog(home.events).links():
        if isinstance(line, Break):
            unknown.append(line.message)
        elif line.event.kind.startswith("release.") and line.event.time[:19] <= until:
            with suppress(InvalidInput):  # an event about no release
                digests.add(Digest(line.event.digest))
    return KnownReleases(tuple(sorted(digests)), tuple(unknown))
