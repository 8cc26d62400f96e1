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

from goldenpath.deploy.reconcile.admission import judged, missing, needs_facts
from goldenpath.deploy.reconcile.verdicts import AdmissionAnswer, AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.oci.store import Store
from goldenpath.oci.stores.caching import CachingStore
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.follower_verdict import EntryFacts
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.entry_reader import EntryReader, PartsMemory
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.policy import Demand, Verified
from goldenpath.release.attest.verify import Reading, gather, judge, unread_error, with_blobs

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


@dataclass(slots=True)
class _Reading:
    """A reading of a release and its evidence, for every question asked before it began."""

    platform: Platform
    digest: Digest
    question: AdmissionQuestion
    """The question that was asked first."""
    everywhere: bool
    """Whether the registry is asked, and not only the copy on this machine."""
    doing: str = "waits to be verified"
    found: "Future[Verified]" = field(default_factory=Future)
    facts: "dict[tuple[str, str], Future[tuple[EntryFacts, ...]]]" = field(default_factory=dict)
    """What the gates ask, by deployment and commit; read once the release is verified."""


class ReleaseAdmission:
    """Admits releases of a store; those of a registry once they are pulled.

    The statements about a release grow, so a reading answers only questions asked before it began.
    The bytes behind a digest cannot change, so it is remembered which releases were read whole.
    """

    def __init__(self, open_store: Callable[[Platform], Store], history: StageHistory) -> None:
        self._open_store = open_store
        self._history = history
        self._memory = PartsMemory()
        self._layout: tuple[Platform, LayoutStore] | None = None
        self._readings: list[_Reading] = []
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
        running, everywhere = None, False
        for reading in self._able(platform, digest, question):
            if not reading.found.done():
                running = reading
                continue
            verified = reading.found.result()
            facts = self._facts(reading, verified, deployment, question)
            answer = _answer(verified, platform, deployment, question, facts=facts)
            if reading.everywhere and verified.unread and not _suffices(answer):
                raise unread_error(verified, _failures(answer))
            if reading.everywhere or _suffices(answer):
                return answer
            everywhere = True
        if running is not None and running.everywhere >= everywhere:
            reading = running
        else:
            reading = self._begin(_Reading(platform, digest, question, everywhere))
        self._wait(reading.found, question.at, f"{digest.short} {reading.doing}")
        return self(platform, deployment, digest, question)

    def _able(
        self, platform: Platform, digest: Digest, question: AdmissionQuestion
    ) -> tuple[_Reading, ...]:
        """Return the readings that began after the question was asked, the oldest first."""
        return tuple(
            each
            for each in self._readings
            if each.digest == digest
            and each.question.step >= question.step
            and each.platform == platform
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
        verified: Verified,
        deployment: Deployment,
        question: AdmissionQuestion,
    ) -> tuple[EntryFacts, ...]:
        """Return what the gates ask; none if the answer is clear without. Raises `Underway`."""
        if not verified.holds:
            return ()
        key = (deployment.name, question.commit)
        future = reading.facts.get(key)
        if future is None:
            future = reading.facts[key] = Future()
            self._enqueue(future, lambda: self._read_facts(reading, verified, deployment, question))
        self._wait(future, question.at, f"{reading.digest.short} is being judged by the gates")
        return future.result()

    def _read_facts(
        self,
        reading: _Reading,
        verified: Verified,
        deployment: Deployment,
        question: AdmissionQuestion,
    ) -> tuple[EntryFacts, ...]:
        trusted = Trusted(question.commit, reading.platform)
        stage, model = deployment.stage, deployment.model
        entries = self._history.entries(trusted, stage, model, reading.digest)
        if not needs_facts(reading.platform, stage, entries):
            return ()
        store = self._store(reading.platform)
        if isinstance(store, CachingStore) and not reading.everywhere:
            store = store.cache
        seen = self._seen(reading.platform, question)
        reader = EntryReader(store, reading.platform, question.at, self._memory, seen=seen)
        return reader.facts(verified, entries)

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

    def _found(self, reading: _Reading) -> Verified:
        store = self._store(reading.platform)
        if not isinstance(store, CachingStore):
            reading.everywhere = True
            return self._verified(store, reading)
        if not reading.everywhere:
            with suppress(NotFound):
                verified = self._verified(store.cache, reading)
                if verified.holds:
                    return verified
            reading.everywhere = True
        reading.doing = "is being pulled from the registry"
        documents = gather(store, reading.digest, reading=_statements(reading, READERS))
        there = self._judged(reading, documents)
        if not there.holds:
            return there
        # Worthless statements stay where they are: they would bury the others here as well.
        useful = {each.envelope for each in there.statements}.union(reading.question.named)
        listed = [each.listed for each in documents.referrers if each.listed.digest in useful]
        store.pull(reading.digest, listed)
        verified = self._verified(store.cache, reading)
        return replace(verified, unread=verified.unread or there.unread)

    def _verified(self, store: Store, reading: _Reading) -> Verified:
        """Return what is verified about the release; every byte was read, now or before."""
        reading.doing = "is being verified"
        documents = gather(store, reading.digest, reading=_statements(reading))
        is_known = reading.digest in self._whole
        documents = with_blobs(store, documents, is_known_whole=is_known)
        if not documents.faults:
            self._whole[reading.digest] = None
            if len(self._whole) > MOST_WHOLE:
                self._whole.popitem(last=False)
        return self._judged(reading, documents)

    def _judged(self, reading: _Reading, documents: Documents) -> Verified:
        policy, people = release_policy(reading.platform), reading.platform.people
        now, seen = reading.question.at, self._seen(reading.platform, reading.question)
        return judge(reading.digest, documents, policy, people, now=now, seen=seen)

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


def _statements(reading: _Reading, workers: int = 1) -> Reading:
    policy, people = release_policy(reading.platform), reading.platform.people
    demand = Demand(reading.digest, policy, people, reading.question.at)
    return Reading(demand, reading.question.named, workers=workers)


def _answer(
    verified: Verified,
    platform: Platform,
    deployment: Deployment,
    question: AdmissionQuestion,
    *,
    facts: tuple[EntryFacts, ...],
) -> AdmissionAnswer:
    findings = judged(
        verified,
        platform,
        deployment,
        question.at,
        facts=facts,
        break_glass=question.break_glass,
    )
    return AdmissionAnswer(findings, missing(verified, question.named))


def _failures(answer: AdmissionAnswer) -> str:
    return "; ".join(each.message for each in answer.findings if each.status == "fail")


def _suffices(answer: AdmissionAnswer) -> bool:
    return all(each.status != "fail" for each in answer.findings)
