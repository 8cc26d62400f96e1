"""What git wants, what runs, and whether registry, signatures and catalogue agree."""

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import msgspec

from goldenpath import __version__
from goldenpath.attest.statement import WAIVER, member, render_time
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound
from goldenpath.gitops.manifests import Survey
from goldenpath.gitops.surveying import Surveyor
from goldenpath.gitops.trust import Trusted
from goldenpath.promote.platform import Platform, render_platform
from goldenpath.reconcile.inventory import Cell, Looked, compare
from goldenpath.reconcile.source import GitSource
from goldenpath.reconcile.status import Status
from goldenpath.registry.layout import LayoutStore
from goldenpath.settings import TRACKING_VARIABLE, Home
from goldenpath.targets.machine import Warned
from goldenpath.wire.governing import gitops
from goldenpath.wire.here import now
from goldenpath.wire.stores import store_of
from goldenpath.wire.watching import status

EVERY = timedelta(minutes=1)
"""How often `up` holds everything against everything else."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """One verdict."""

    about: str
    """What the store held about the release."""
    until: str
    """When it has to be looked at again, because a waiver ends; empty: never."""
    looked: Looked


class _Known(msgspec.Struct):
    """Verdicts by deployment and digest."""

    version: int
    key: str
    looked: dict[str, _Kept]


def desired(home: Home) -> tuple[Trusted, Survey]:
    """The newest commit that was trusted here, and what it wants to run."""
    source = GitSource(gitops(home), home.trust)
    trusted = source.newest()
    return trusted, Surveyor(gitops(home), home.run / "survey").survey(trusted)


def inventory(home: Home, running: Status | None = None) -> tuple[Cell, ...]:
    """Every release that git wants or that runs, as each source sees it.

    Without `running` it is what `up` published, if it runs.
    """
    trusted, wanted = desired(home)
    if running is None:
        try:
            found, is_alive = status(home)
            running = found if is_alive else None
        except NotFound:
            running = None
    looks = _Looks(home, trusted.platform, wanted, running)
    cells = compare(wanted, running, looks, _aliases(home), now())
    looks.keep()
    return cells


def _aliases(home: Home) -> Mapping[str, Mapping[str, str]]:
    """Of the catalogue on this machine; a server is not asked about a thousand models."""
    from goldenpath.catalogue.aliases import read_aliases

    return {} if os.environ.get(TRACKING_VARIABLE) else read_aliases(home.catalogue)


class _Looks:
    """Looks at releases in the registry; in a layout each only once while nothing has changed.

    A verdict is kept for the digest, the trust in force, and everything that refers to the release.
    """

    def __init__(
        self, home: Home, platform: Platform, wanted: Survey, running: Status | None
    ) -> None:
        self._platform = platform
        self._standing = wanted.standing
        self._now = now()
        self._file = home.run / "inventory"
        self._store = store_of(home, platform)
        self._about: Mapping[str, str] | None = None
        if isinstance(self._store, LayoutStore):
            named = {slot.digest.text for each in wanted.deployments for slot in each.slots}
            runs = () if running is None else running.deployments
            named |= {slot.digest for each in runs for slot in each.running}
            self._about = self._store.about(named)
        said = (__version__.encode(), _valid(platform, self._now), render_platform(platform))
        self._key = hashlib.sha256(b"\0".join(said)).hexdigest()
        self._known = _recall(self._file, self._key)
        self._is_new = False

    def __call__(self, digest: Digest, stage: str, model: str) -> Looked:
        if self._about is None:
            return self._look(digest, stage, model).looked
        if digest.text not in self._about:
            return Looked(False, False, f"{digest.short} is not in the registry")
        about, key = self._about[digest.text], f"{stage}/{model}@{digest}"
        known = self._known.get(key)
        if known is None or known.about != about or "" < known.until <= render_time(self._now):
            known = self._known[key] = self._look(digest, stage, model, about)
            self._is_new = True
        return known.looked

    def keep(self) -> None:
        """Writes down what was verified; it is safe to delete."""
        if self._is_new:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            partial = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
            partial.write_bytes(msgspec.msgpack.encode(_Known(1, self._key, self._known)))
            partial.replace(self._file)

    def _look(self, digest: Digest, stage: str, model: str, about: str = "") -> _Kept:
        from goldenpath.attest.verify import verify
        from goldenpath.promote.admission import release_policy
        from goldenpath.reconcile.admission import lapsed

        policy, people = release_policy(self._platform), self._platform.people
        try:
            verified = verify(self._store, digest, policy, people=people, now=self._now)
        except NotFound as error:
            return _Kept(about, "", Looked(False, False, error.message))
        wrong = [each.message for each in verified.findings if each.status == "fail"]
        place = self._platform.stage(stage)
        if place is not None:
            standing = self._standing.get(f"{stage}/{model}")
            glass = None if standing is None else standing.glass
            wrong += lapsed(verified, place, self._platform, model, self._now, glass)
        ends = [
            str(member(each.statement.predicate.get("scope"), "until"))
            for each in verified.of_type(WAIVER)
        ]
        until = min((end for end in ends if end > render_time(self._now)), default="")
        return _Kept(about, until, Looked(True, verified.holds, "; ".join(wrong)))


def _valid(platform: Platform, at: datetime) -> bytes:
    """Which keys count now: a verdict does not outlive one."""
    return " ".join(
        key.name
        for key in platform.build_keys
        if (key.valid_until is None or at < key.valid_until)
        and (key.revoked_at is None or at < key.revoked_at)
    ).encode()


def _recall(file: Path, key: str) -> dict[str, _Kept]:
    try:
        found = msgspec.msgpack.decode(file.read_bytes(), type=_Known)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return {}  # never written, of another version or cut short: everything is verified again
    return found.looked if (found.version, found.key) == (1, key) else {}


class Watch:
    """Makes the inventory again and again beside the reconcile loop, and says what is unequal."""

    def __init__(self, home: Home, every: timedelta = EVERY) -> None:
        self._home = home
        self._every = every
        self._running: Thread | None = None
        self._news: tuple[Warned, ...] = ()
        self._next: datetime | None = None
        self._found: tuple[Warned, ...] = ()

    def __call__(self, status: Status) -> tuple[Warned, ...]:
        """What was unequal when it was looked at last; never waits."""
        at = datetime.fromisoformat(status.time)
        if self._running is not None and not self._running.is_alive():
            self._found, self._running = self._news, None
            self._next = at + self._every
        # Right after a change servers are on their way, which is no alarm.
        if self._running is None and status.is_ready and (self._next is None or self._next <= at):
            # A daemon: what ends the machine does not wait for it, and it leaves nothing half done.
            self._running = Thread(target=self._look, args=(status,), daemon=True)
            self._running.start()
        return self._found

    def _look(self, status: Status) -> None:
        try:
            cells = inventory(self._home, status)
        except GoldenPathError as error:
            self._news = (Warned("", "inventory", error.message),)
            return
        self._news = tuple(
            Warned(each.deployment, "inventory", f"{each.digest[:19]}: {each.message}")
            for each in cells
            if not each.agrees
        )
