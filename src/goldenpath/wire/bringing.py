"""Admission beside the reconcile loop: releases are pulled and verified by threads of their own.

The loop never waits for a registry or for gigabytes to be read: what takes longer than a moment is
on its way, and everything that runs, and every other change, goes on meanwhile.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Thread

from goldenpath.attest.policy import Finding, Verified
from goldenpath.attest.verify import verify
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.gitops.desired import Deployment
from goldenpath.oci.store import Store
from goldenpath.promote.admission import release_policy
from goldenpath.promote.glass import Glass
from goldenpath.promote.platform import Platform
from goldenpath.reconcile.admission import judged, verified_whole
from goldenpath.reconcile.loop import Underway
from goldenpath.registry.caching import CachingStore
from goldenpath.registry.layout import LayoutStore

AT_ONCE = 0.2
"""Seconds that one step of the loop grants; each release gets half of what is left of it."""
THREADS = 4
"""Releases that are read at a time."""
FRESH = timedelta(minutes=1)
"""How long what was found stays good for who asks then."""
KEPT = 16
"""Releases of which it is remembered, since the next stage may ask for the same."""


@dataclass(slots=True)
class _Work:
    """A thread finds out what counts about a release, for all deployments that wait for it."""

    platform: Platform
    digest: Digest
    deployment: Deployment
    """The first one that asked."""
    glass: Glass | None
    begun: datetime
    doing: str = "waits to be verified"
    ended: datetime | None = None
    is_all: bool = True
    """Whether whatever the platform's store knows was looked at, and not the copy here alone."""
    told: set[str] = field(default_factory=set)
    """Deployments that know: who asks once more wants it looked at anew."""
    found: "Future[Verified]" = field(default_factory=Future)


class Admission:
    """Admits releases from a store; those of a registry once they are here whole."""

    def __init__(
        self, open_store: Callable[[Platform], Store], now: Callable[[], datetime]
    ) -> None:
        self._open_store = open_store
        self._now = now
        self._layout: tuple[Platform, LayoutStore] | None = None
        self._works: dict[Digest, _Work] = {}
        self._recent: deque[Digest] = deque()
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        self._threads: list[Thread] = []
        self._step: datetime | None = None
        self._left = AT_ONCE

    def __call__(
        self,
        platform: Platform,
        deployment: Deployment,
        digest: Digest,
        at: datetime,
        glass: Glass | None,
    ) -> tuple[Finding, ...]:
        """See `goldenpath.reconcile.admission.admit`. Raises `Underway` while it is looked at.

        What is here and suffices needs no registry; else the registry may know more of it.
        """
        work = self._works.get(digest)
        if work is None or work.platform != platform or self._is_known(work, deployment):
            work = self._begin(_Work(platform, digest, deployment, glass, at))
        self._grant(work, at)
        if not work.found.done():
            raise Underway(f"{digest.short} {work.doing}")
        work.told.add(deployment.name)
        self._forget(digest)
        findings = judged(work.found.result(), platform, deployment, at, glass)
        if work.is_all or not _fails(findings):
            return findings
        self._begin(_Work(platform, digest, deployment, glass, at))
        raise Underway(f"{digest.short} is being looked for in the registry")

    def _is_known(self, work: _Work, deployment: Deployment) -> bool:
        is_old = work.ended is not None and self._now() - work.ended > FRESH
        return is_old or deployment.name in work.told

    def _begin(self, work: _Work) -> _Work:
        self._works[work.digest] = work
        self._queue.put(work)
        if len(self._threads) < THREADS:
            # Not a pool: nobody waits for these at the end, and they leave nothing half done.
            self._threads.append(Thread(target=self._labour, daemon=True))
            self._threads[-1].start()
        return work

    def _grant(self, work: _Work, at: datetime) -> None:
        """Waits for it, as far as this step of the loop has time left."""
        if at != self._step:
            self._step, self._left = at, AT_ONCE
        begun = time.monotonic()
        wait([work.found], max(0.0, self._left / 2))
        self._left -= time.monotonic() - begun

    def _forget(self, digest: Digest) -> None:
        """What was found may be large, and is not kept of every release."""
        self._recent.append(digest)
        while len(self._recent) > KEPT:
            oldest = self._works.get(self._recent.popleft())
            if oldest is not None and oldest.told and oldest.digest not in self._recent:
                del self._works[oldest.digest]

    def _labour(self) -> None:
        while True:
            work = self._queue.get()
            try:
                work.found.set_result(self._found(work))
            except Exception as error:
                work.found.set_exception(error)
            work.ended = self._now()

    def _found(self, work: _Work) -> Verified:
        store = self._store(work.platform)
        here = store.cache if isinstance(store, CachingStore) else store

        def verified() -> Verified:
            work.doing = "is being verified"
            return verified_whole(here, work.platform, work.digest, work.begun)

        if not isinstance(store, CachingStore):
            return verified()
        with suppress(NotFound):
            found = verified()
            if not _fails(judged(found, work.platform, work.deployment, work.begun, work.glass)):
                work.is_all = False
                return found
        work.doing = "is being pulled from the registry"
        there = verify(
            store.origin,
            work.digest,
            release_policy(work.platform),
            people=work.platform.people,
            now=work.begun,
        )
        if not there.holds:
            return there
        store.bring(work.digest)
        return verified()

    def _store(self, platform: Platform) -> Store:
        """The platform's store; a layout stays open, since it knows what it lists."""
        known = self._layout
        if known is not None and known[0] == platform:
            return known[1]
        store = self._open_store(platform)
        if isinstance(store, LayoutStore):
            self._layout = (platform, store)
        return store


def _fails(findings: tuple[Finding, ...]) -> bool:
    return any(each.status == "fail" for each in findings)
