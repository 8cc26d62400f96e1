"""Reads what a follower needs to judge the gates again: parts of releases, by their digests."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.oci.store import Store
from goldenpath.promote.gates.follower_verdict import EntryFacts, known_at
from goldenpath.promote.gates.gate import Live
from goldenpath.promote.gates.monitoring.monitor_view import MonitorView
from goldenpath.promote.manifests.desired import StageEntry
from goldenpath.promote.workspace.release_reader import ReleaseParts, read_parts, read_rows
from goldenpath.release.attest.policy import Person, Policy, Verified
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import metrics_of

MOST_PARTS = 128
"""Releases whose small files are remembered."""


class PartsMemory:
    """Contract and documents of releases by digest, which never change; threads may share it."""

    def __init__(self) -> None:
        self._known: OrderedDict[Digest, ReleaseParts] = OrderedDict()

    def read(self, store: Store, digest: Digest) -> ReleaseParts:
        """Return the parts of a release. Raises what `read_parts` raises."""
        parts = self._known.get(digest)
        if parts is None:
            parts = self._known[digest] = read_parts(store, digest)
            if len(self._known) > MOST_PARTS:
                self._known.popitem(last=False)
        return parts


@dataclass(frozen=True, slots=True)
class EntryReader:
    """Reads one store under the rules of one entry."""

    store: Store
    policy: Policy
    """What counts as evidence about the release that the stage ran before."""
    people: Sequence[Person]
    now: datetime
    memory: PartsMemory = field(default_factory=PartsMemory)
    seen: Mapping[Digest, datetime] | None = None
    """When statements were there at the latest; None if no key has ended."""
    monitored: Callable[[], MonitorView] | None = None
    """Reads what the monitors know about the model; None if no gate asks, or there are none."""

    def facts(self, verified: Verified, entries: Sequence[StageEntry]) -> tuple[EntryFacts, ...]:
        """Return what the gates ask about each entry of a release.

        Raises `InvalidInput` or `VerificationError` if the release itself cannot be read.
        """
        if not entries:
            return ()
        parts = self.memory.read(self.store, verified.subject)
        found = tuple(self._entry(verified, parts, each) for each in entries)
        if self.monitored is None:
            return found
        view = self.monitored()
        return tuple(replace(each, monitored=view) for each in found)

    def _entry(self, verified: Verified, parts: ReleaseParts, entry: StageEntry) -> EntryFacts:
        if entry.live is None:
            return EntryFacts(entry, parts.contract, parts.documents)
        rows = read_rows(self.store, known_at(verified, entry.time), parts.contract)
        try:
            live, unread = self._live(entry.live, entry), ""
        except (NotFound, InvalidInput, VerificationError) as error:
            live, unread = None, f"the release before it cannot be read: {error.message}"
        return EntryFacts(entry, parts.contract, parts.documents, live, rows, unread)

    def _live(self, digest: Digest, entry: StageEntry) -> Live:
        everything = verify(
            self.store, digest, self.policy, people=self.people, now=self.now, seen=self.seen
        )
        verified = known_at(everything, entry.time)
        contract = self.memory.read(self.store, digest).contract
        rows = read_rows(self.store, verified, contract)
        return Live(digest, contract, metrics_of(verified), rows, verified)
