"""Admission beside the reconcile loop: threads pull and verify releases.

The loop never waits for a registry, or for gigabytes to be read. Meanwhile everything that runs,
and every other change, goes on.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from goldenpath.deploy.reconcile.admission import (
    VerifiedEntry,
    judged,
    missing,
    needs_facts,
    verified_by,
)
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer, AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.oci.store import Store
from goldenpath.oci.stores.caching import CachingStore
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.entry_rules import EntryRules, entry_rules
from goldenpath.promote.gates.follower_verdict import EntryFacts
from goldenpath.promote.gates.monitoring.monitor_view import MonitorReader
from goldenpath.promote.manifests.desired import Deployment, StageEntry
from goldenpath.promote.platform.alarm_rules import FINDINGS_GATE
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.entry_reader import EntryReader, PartsMemory
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.policy import Demand
from goldenpath.release.attest.verify import Reading, gather, unread_error, with_blobs

AnyT = TypeVar("AnyT")

AT_ONCE = 0.2
"""Seconds that one step of the loop may wait; each release gets half of what is left."""
THREADS = 4
"""Releases that are verified at a time."""
READERS = 8
"""Statements that a registry is asked for at a time."""
MOST_READINGS = 64
"""Finished readings that are kept for questions asked before they began."""
MOST_WHOLE = 4096
"""Digests whose bytes are known to be whole."""
MOST_ENTERED = 4096
"""Releases in a stage whose entries are remembered once they are read."""


@dataclass(frozen=True, slots=True)
class _Entered:
    """How a release entered a stage, the newest entry first, and the rules that follow from it."""

    entries: tuple[StageEntry, ...]
    rules: EntryRules


@dataclass(slots=True)
class _Reading:
    """A reading of a release and its evidence, for every question asked before it began."""

    rules: EntryRules
    digest: Digest
    question: AdmissionQuestion
    """The question that was asked first."""
    everywhere: bool
    """Whether the registry is asked, and not only the copy on this machine."""
    doing: str = "waits to be verified"
    found: "Future[VerifiedEntry]" = field(default_factory=Future)
    facts: "dict[tuple[str, str], Future[tuple[EntryFacts, ...]]]" = field(default_factory=dict)
    """What the gates ask, by deployment and commit; read once the release is verified."""


class ReleaseAdmission:
    """Admits releases of a store; those of a registry once they are pulled.

    The statements about a release grow, so a reading answers only questions asked before it began.
    The bytes behind a digest cannot change, so it is remembered which releases were read whole.
    """

    def __init__(
        self,
        open_store: Callable[[Platform], Store],
        history: StageHistory,
        monitored: MonitorReader | None = None,
    ) -> None:
        self._open_store = open_store
        self._monitored = monitored
        self._history = history
        self._memory = PartsMemory()
        self._layout: tuple[Platform, LayoutStore] | None = None
        self._readings: list[_Reading] = []
        self._entries: dict[tuple[str, Digest, str], Future[tuple[StageEntry, ...]]] = {}
        self._whole: OrderedDict[Digest, None] = OrderedDict()
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads: list[Thread] = []
        self._step: datetime | None = None
        self._left = AT_ONCE

    def __call__(
        self,
        platform: Platform,
        deployment: Deployment,
        digest: Digest,
        question: AdmissionQuestion,
    ) -> AdmissionAnswer:
        """See `Admit` of `deploy.reconcile.verdicts`. Raises `Underway` while it is read.

        Sufficient evidence in the local copy needs no registry; otherwise the registry is asked.
        """
        entered = self._entered(platform, deployment, digest, question)
        running, everywhere = None, False
        for reading in self._able(entered.rules, digest, question):
            if not reading.found.done():
                running = reading
                continue
            release = reading.found.result()
            facts = self._facts(reading, entered, deployment, question)
            answer = _answer(release, entered.rules, deployment, question, facts=facts)
            if reading.everywhere and release.then.unread and not _suffices(answer):
                raise unread_error(release.then, _failures(answer))
            if reading.everywhere or _suffices(answer):
                return answer
            everywhere = True
        if running is not None and running.everywhere >= everywhere:
            reading = running
        else:
            reading = self._begin(_Reading(entered.rules, digest, question, everywhere))
        self._wait(reading.found, question.at, f"{digest.short} {reading.doing}")
        return self(platform, deployment, digest, question)

    def _entered(
        self,
        platform: Platform,
        deployment: Deployment,
        digest: Digest,
        question: AdmissionQuestion,
    ) -> _Entered:
        """Return how the release entered the stage. Raises `Underway` while that is read."""
        key = (deployment.name, digest, question.commit)
        future = self._entries.get(key)
        if future is None or (future.done() and future.exception() is not None):
            self._forget_entries()
            future = self._entries[key] = Future()
            trusted = Trusted(question.commit, platform)
            place = (deployment.stage, deployment.model)
            self._enqueue(future, lambda: self._history.entries(trusted, *place, digest))
        self._wait(future, question.at, f"the entry of {digest.short} is being looked up")
        entries = future.result()
        return _Entered(entries, entry_rules(platform, deployment.stage, entries))

    def _forget_entries(self) -> None:
        """Forget the oldest that are read: one that a question waits for must not be lost."""
        surplus = max(0, len(self._entries) - MOST_ENTERED)
        for key in [key for key, each in self._entries.items() if each.done()][:surplus]:
            del self._entries[key]

    def _able(
        self, rules: EntryRules, digest: Digest, question: AdmissionQuestion
    ) -> tuple[_Reading, ...]:
        """Return the readings that began after the question was asked, the oldest first.

        Stages may share a reading: it depends on what they demand, and not on their gates.
        """
        return tuple(
            each
            for each in self._readings
            if each.digest == digest
            and each.question.step >= question.step
            and each.rules.today == rules.today
            and each.rules.then.demands == rules.then.demands
        )

    def _begin(self, reading: _Reading) -> _Reading:
        finished = [each for each in self._readings if each.found.done()]
        for oldest in finished[: max(0, len(finished) - MOST_READINGS)]:
            self._readings.remove(oldest)
        self._readings.append(reading)
        self._enqueue(reading.found, lambda: self._found(reading))
        return reading

    def _facts(
        self,
        reading: _Reading,
        entered: _Entered,
        deployment: Deployment,
        question: AdmissionQuestion,
    ) -> tuple[EntryFacts, ...]:
        """Return what the gates ask; none if the answer is clear without. Raises `Underway`."""
        is_valid = reading.found.result().then.holds
        if not is_valid or not needs_facts(entered.rules, deployment.stage):
            return ()
        key = (deployment.name, question.commit)
        future = reading.facts.get(key)
        if future is None:
            future = reading.facts[key] = Future()
            self._enqueue(future, lambda: self._read_facts(reading, entered, deployment, question))
        self._wait(future, question.at, f"{reading.digest.short} is being judged by the gates")
        return future.result()

    def _read_facts(
        self,
        reading: _Reading,
        entered: _Entered,
        deployment: Deployment,
        question: AdmissionQuestion,
    ) -> tuple[EntryFacts, ...]:
        platform = reading.rules.today
        store = self._store(platform)
        if isinstance(store, CachingStore) and not reading.everywhere:
            store = store.cache
        policy, seen = release_policy(reading.rules.then), self._seen(platform, question)
        monitored = None
        if (read := self._monitored) is not None and _asks_monitors(entered, deployment.stage):
            monitored = lambda: read(platform, deployment.model)  # noqa: E731
        reader = EntryReader(
            store, policy, platform.people, question.at, self._memory, seen, monitored
        )
        return reader.facts(reading.found.result().then, entered.entries)

    def _wait(self, future: "Future[AnyT]", at: datetime, doing: str) -> None:
        """Wait as long as this step of the loop has time left. Raises `Underway` after that."""
        if at != self._step:
            self._step, self._left = at, AT_ONCE
        begun = time.monotonic()
        wait([future], max(0.0, self._left / 2))
        self._left -= time.monotonic() - begun
        if not future.done():
            raise Underway(doing)

    def _enqueue(self, future: "Future[AnyT]", task: Callable[[], AnyT]) -> None:
        def fulfil() -> None:
            try:
                future.set_result(task())
            except OSError as error:
                future.set_exception(Unavailable(f"the release cannot be read: {error}"))
            except Exception as error:
                future.set_exception(error)

        self._queue.put(fulfil)
        if len(self._threads) < THREADS:
            # Daemon threads instead of a pool: the process can end without waiting for them.
            self._threads.append(Thread(target=self._labour, daemon=True))
            self._threads[-1].start()

    def _labour(self) -> None:
        while True:
            self._queue.get()()

    def _found(self, reading: _Reading) -> VerifiedEntry:
        store = self._store(reading.rules.today)
        if not isinstance(store, CachingStore):
            reading.everywhere = True
            return self._verified(store, reading)
        if not reading.everywhere:
            with suppress(NotFound):
                release = self._verified(store.cache, reading)
                if release.then.holds:
                    return release
            reading.everywhere = True
        reading.doing = "is being pulled from the registry"
        documents = gather(store, reading.digest, reading=_statements(reading, READERS))
        there = self._verified_by(reading, documents)
        if not there.then.holds:
            return there
        # Worthless statements stay where they are: they would bury the others here as well.
        counted = (*there.then.statements, *there.today.statements)
        useful = {each.envelope for each in counted}.union(reading.question.named)
        listed = [each.listed for each in documents.referrers if each.listed.digest in useful]
        store.pull(reading.digest, listed)
        release = self._verified(store.cache, reading)
        unread = release.then.unread or there.then.unread
        return replace(release, then=replace(release.then, unread=unread))

    def _verified(self, store: Store, reading: _Reading) -> VerifiedEntry:
        """Return what is verified about the release; every byte was read, now or before."""
        reading.doing = "is being verified"
        documents = gather(store, reading.digest, reading=_statements(reading))
        is_known = reading.digest in self._whole
        documents = with_blobs(store, documents, is_known_whole=is_known)
        if not documents.faults:
            self._whole[reading.digest] = None
            if len(self._whole) > MOST_WHOLE:
                self._whole.popitem(last=False)
        return self._verified_by(reading, documents)

    def _verified_by(self, reading: _Reading, documents: Documents) -> VerifiedEntry:
        now, seen = reading.question.at, self._seen(reading.rules.today, reading.question)
        return verified_by(reading.rules, reading.digest, documents, now=now, seen=seen)

    def _seen(
        self, platform: Platform, question: AdmissionQuestion
    ) -> Mapping[Digest, datetime] | None:
        return self._history.statement_times(Trusted(question.commit, platform), question.at)

    def _store(self, platform: Platform) -> Store:
        """Return the platform's store. A layout stays open, since it keeps its index in memory."""
        known = self._layout
        if known is not None and known[0] == platform:
            return known[1]
        store = self._open_store(platform)
        if isinstance(store, LayoutStore):
            self._layout = (platform, store)
        return store


def _asks_monitors(entered: _Entered, name: str) -> bool:
    """Whether the gate `findings` is asked, by the rules of the entry or by those of today."""
    stages = (entered.rules.then.stage(name), entered.rules.today.stage(name))
    return any(stage is not None and FINDINGS_GATE in stage.gates for stage in stages)


def _statements(reading: _Reading, workers: int = 1) -> Reading:
    policy, people = release_policy(reading.rules.then), reading.rules.today.people
    demand = Demand(reading.digest, policy, people, reading.question.at)
    return Reading(demand, reading.question.named, workers=workers)


def _answer(
    release: VerifiedEntry,
    rules: EntryRules,
    deployment: Deployment,
    question: AdmissionQuestion,
    *,
    facts: tuple[EntryFacts, ...],
) -> AdmissionAnswer:
    findings = judged(
        release, rules, deployment, question.at, facts=facts, break_glass=question.break_glass
    )
    return AdmissionAnswer(findings, missing(release.then, question.named))


def _failures(answer: AdmissionAnswer) -> str:
    return "; ".join(each.message for each in answer.findings if each.status == "fail")


def _suffices(answer: AdmissionAnswer) -> bool:
    return all(each.status != "fail" for each in answer.findings)
