"""How releases come to a machine whose store is a registry: verified first, pulled aside.

The reconcile loop never waits for a registry: a release that is not here yet is on its way, and
everything that runs goes on running meanwhile.
"""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import datetime
from threading import Thread

from goldenpath.attest.policy import Finding
from goldenpath.attest.verify import verify
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.gitops.desired import Deployment
from goldenpath.oci.store import Store
from goldenpath.promote.admission import release_policy
from goldenpath.promote.glass import Glass
from goldenpath.promote.platform import Platform
from goldenpath.reconcile.admission import admit
from goldenpath.registry.caching import CachingStore

AT_ONCE = 1.0
"""Seconds that the loop grants a pull before it turns to other things."""

_Findings = tuple[Finding, ...]


class Admission:
    """Admits releases from a store; those of a registry once they are here whole."""

    def __init__(
        self, open_store: Callable[[Platform], Store], now: Callable[[], datetime]
    ) -> None:
        self._open_store = open_store
        self._now = now
        self._under_way: dict[Digest, Future[_Findings]] = {}

    def __call__(
        self,
        platform: Platform,
        deployment: Deployment,
        digest: Digest,
        at: datetime,
        glass: Glass | None,
    ) -> _Findings:
        """See `goldenpath.reconcile.admission.admit`. Raises `Unavailable` while it is pulled.

        What is here and suffices needs no registry; else the registry may know more of it.
        """
        store = self._open_store(platform)
        here = store.cache if isinstance(store, CachingStore) else store

        def admitted() -> _Findings:
            return admit(here, platform, deployment, digest, at, glass)

        if not isinstance(store, CachingStore):
            return admitted()
        with suppress(NotFound):
            found = admitted()
            if all(each.status != "fail" for each in found):
                return found
        return self._brought(store, platform, digest) or admitted()

    def _brought(self, store: CachingStore, platform: Platform, digest: Digest) -> _Findings:
        """What speaks against pulling it; nothing once it is here."""
        pulled = self._under_way.get(digest)
        if pulled is None:
            pulled = self._under_way[digest] = Future()
            # Not a pool: nobody waits at the end for a pull, which goes on where it was anyway.
            Thread(
                target=_run,
                args=(pulled, lambda: self._bring(store, platform, digest)),
                daemon=True,
            ).start()
        wait([pulled], AT_ONCE)
        if not pulled.done():
            raise Unavailable(f"{digest.short} is being pulled from the registry")
        return self._under_way.pop(digest).result()

    def _bring(self, store: CachingStore, platform: Platform, digest: Digest) -> _Findings:
        policy = release_policy(platform)
        verified = verify(store.origin, digest, policy, people=platform.people, now=self._now())
        failed = tuple(each for each in verified.findings if each.status == "fail")
        if not failed:
            store.bring(digest)
        return failed


def _run(pulled: "Future[_Findings]", work: Callable[[], _Findings]) -> None:
    try:
        pulled.set_result(work())
    except Exception as error:
        pulled.set_exception(error)
    # Looks anew at once, as `wire.wake` asks for; where nobody listens the signal would kill.
    if callable(signal.getsignal(signal.SIGHUP)):
        os.kill(os.getpid(), signal.SIGHUP)
