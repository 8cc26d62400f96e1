"""The inventory: whether git, running servers, registry, signatures and catalogue agree."""

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import msgspec

from goldenpath.compose.gitops_access import git_source, gitops, seen
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import store_of
from goldenpath.compose.up_client import silence, status
from goldenpath.deploy.reconcile.inventory import Inventory, Looked, compare
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, NotFound
from goldenpath.files import publish
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.layout_index import nearly_full
from goldenpath.promote.gates.entry_rules import entry_rules
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import Platform, render_platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.desired_state import Surveyor
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.statement import render_time
from goldenpath.release.catalogue.registered import Registered
from goldenpath.settings import Tracking
from goldenpath.times import ElapsedTime
from goldenpath.version import __version__

if TYPE_CHECKING:
    from goldenpath.deploy.machine.observations import Warned
    from goldenpath.release.attest.policy import Verified

EVERY = timedelta(minutes=1)
"""How often `goldenpath up` takes an inventory."""
REMEMBERED = timedelta(minutes=10)
"""How long a verdict on a release in a remote registry is kept: it reports no changes."""


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A verdict, and what it was based on."""

    about: str
    """A text that changes with what the store holds about the release."""
    until: str
    """When it must be checked again because a waiver ends, RFC 3339; empty for never."""
    looked: Looked


class _Known(msgspec.Struct):
    """Verdicts by deployment and digest."""

    version: int
    key: str
    state: str
    """State of the registry when `about` was read last."""
    looked: dict[str, _Kept]


def desired(home: Home) -> tuple[Trusted, Survey]:
    """Return the newest commit that was trusted here, and the state that it desires."""
    trusted = git_source(home).newest()
    return trusted, _surveyed(home, trusted)


def _surveyed(home: Home, trusted: Trusted) -> Survey:
    return Surveyor(gitops(home), home.run / "survey").survey(trusted)


def inventory(home: Home, running: Status | None = None) -> Inventory:
    """Return every release that git declares or that runs, as each source reports it.

    `running` defaults to what `goldenpath up` published, if it runs.
    """
    trusted, behind = git_source(home).seen()
    survey = _surveyed(home, trusted)
    last = f"{behind}; what follows is of {trusted.commit[:12]}, the last commit that counts"
    faults = [last] if behind else []
    faults += _full(home)
    if running is None:
        running = _published(home, faults)
    looks = _Looks(home, trusted, survey, running)
    stages = {stage.name for stage in trusted.platform.stages}
    compared = compare(survey, running, looks, registered(home), stages=stages, now=now())
    looks.keep()
    return replace(compared, faults=(*faults, *compared.faults))


def _published(home: Home, faults: list[str]) -> Status | None:
    """Return the status of `goldenpath up`; None if it does not run."""
    try:
        published, is_alive = status(home)
    except NotFound:
        return None
    if is_alive and silence(published, now()) is not None:
        faults.append(f"goldenpath up hangs: what it said last is of {published.time}")
    return published if is_alive else None


def registered(home: Home) -> Registered:
    """Return what the catalogue holds. A catalogue that cannot be read is reported as a fault."""
    tracking = Tracking.of(os.environ)
    scheme, _, path = tracking.uri.partition("://")
    try:
        if scheme in ("http", "https"):
            from goldenpath.release.catalogue.mlflow_server import ask_registered

            return ask_registered(tracking)
        if scheme not in ("", "sqlite"):
            return Registered(fault=f"a catalogue at {scheme}:// can be told, but not read")
        from goldenpath.release.catalogue.database import read_registered

        return read_registered(Path(path.removeprefix("/")) if scheme else home.catalogue)
    except GoldenPathError as error:
        return Registered(fault=error.message)


def _full(home: Home) -> tuple[str, ...]:
    """Return a warning if the registry of this machine is nearly full."""
    warning = nearly_full(home.registry)
    return (warning,) if warning else ()


class _Looks:
    """Verifies releases in the registry, and keeps verdicts while nothing has changed.

    In a layout a verdict is valid for the digest, the trust in force and everything that refers to
    the release. In a remote registry it is valid for a limited time.
    """

    def __init__(
        self, home: Home, trusted: Trusted, survey: Survey, running: Status | None
    ) -> None:
        self._trusted = trusted
        self._platform = platform = trusted.platform
        self._history = StageHistory(gitops(home), seen(home))
        self._wanted = survey
        self._running = running
        self._now = now()
        self._file = home.run / "inventory"
        self._store = store_of(home, platform)
        self._layout = self._store if isinstance(self._store, LayoutStore) else None
        self._about: dict[str, str] | None = None
        self._verified: dict[tuple[Digest, Demands], Verified] = {}
        trust = (__version__.encode(), _valid(platform, self._now), render_platform(platform))
        self._key = hashlib.sha256(b"\0".join(trust)).hexdigest()
        self._state = "" if self._layout is None else self._layout.state()
        before = _recall(self._file, self._key)
        self._before, self._is_same = before.looked, before.state == self._state
        self._after: dict[str, _Kept] = {}

    def __call__(self, digest: Digest, stage: str, model: str) -> Looked:
        key = f"{stage}/{model}@{digest.text}"
        known = self._before.get(key)
        if known is not None and "" < known.until <= render_time(self._now):
            known = None
        if self._layout is None:
            # Statements about a release grow, so a newer commit on its deployment verifies again.
            about = self._version(f"{stage}/{model}")
            if known is None or known.about != about:
                later = render_time(self._now + REMEMBERED)
                verdict = self._look(digest, stage, model, about)
                known = _Kept(about, min(verdict.until or later, later), verdict.looked)
        elif known is None or not self._is_same:
            about = self._statements_of(self._layout, digest)
            if not about:
                return Looked(False, False, f"{digest.short} is not in the registry")
            if known is None or known.about != about:
                known = self._look(digest, stage, model, about)
        self._after[key] = known
        return known.looked

    def _version(self, name: str) -> str:
        """Return a text that changes with what git declares about a deployment."""
        declared = next((d for d in self._wanted.deployments if d.name == name), None)
        declaration = repr((declared, self._wanted.standing.get(name))).encode()
        return hashlib.sha256(declaration).hexdigest()

    def keep(self) -> None:
        """Store the verdicts. The file is safe to delete."""
        if self._is_same and self._after == self._before:
            return
        known = _Known(2, self._key, self._state, self._after)
        with suppress(OSError):  # a full disk, or a copy that may only be read
            publish(self._file, msgspec.msgpack.encode(known))

    def _statements_of(self, layout: LayoutStore, digest: Digest) -> str:
        """Return a text for what the layout holds about a release; empty if it has none.

        Everything that git declares or that runs is read at once.
        """
        if self._about is None:
            named = {
                slot.digest.text for each in self._wanted.deployments for slot in each.releases
            }
            runs = () if self._running is None else self._running.deployments
            named |= {slot.digest for each in runs for slot in each.running}
            named |= {each.standby for each in runs if each.standby}
            self._about = {**dict.fromkeys(named, ""), **layout.referrer_states(named)}
        if digest.text not in self._about:
            self._about[digest.text] = layout.referrer_states({digest.text}).get(digest.text, "")
        return self._about[digest.text]

    def _look(self, digest: Digest, stage: str, model: str, about: str) -> _Kept:
        from goldenpath.deploy.reconcile.admission import lapsed
        from goldenpath.release.attest.statement import WAIVER, member

        kept_until = ""
        try:
            verified = self._verify(digest, self._platform)
            if not verified.holds:
                verified = self._verify(digest, self._rules(digest, stage, model))
                # It may enter anew, by the rules of that day, without a new statement.
                kept_until = render_time(self._now + REMEMBERED)
        except NotFound as error:
            return _Kept(about, "", Looked(False, False, error.message))
        wrong = [each.message for each in verified.findings if each.status == "fail"]
        place = self._platform.stage(stage)
        if place is not None:
            standing = self._wanted.standing.get(f"{stage}/{model}")
            break_glass = None if standing is None else standing.break_glass
            wrong += lapsed(
                verified, place, self._platform, model, now=self._now, break_glass=break_glass
            )
        ends = [
            str(member(each.statement.predicate.get("scope"), "until"))
            for each in verified.of_type(WAIVER)
        ]
        ends.append(kept_until)
        until = min((end for end in ends if end > render_time(self._now)), default="")
        return _Kept(about, until, Looked(True, verified.holds, "; ".join(wrong)))

    def _rules(self, digest: Digest, stage: str, model: str) -> Platform:
        """Return the platform by which the release was admitted, as `goldenpath up` judges it."""
        entries = self._history.entries(self._trusted, stage, model, digest)
        return entry_rules(self._platform, stage, entries).then

    def _verify(self, digest: Digest, rules: Platform) -> "Verified":
        """Return what is verified about a release, computed once for all its stages."""
        from goldenpath.promote.gates.admission_policy import release_policy
        from goldenpath.release.attest.verify import verify

        key = (digest, rules.demands)
        if key not in self._verified:
            policy, people = release_policy(rules), self._platform.people
            self._verified[key] = verify(self._store, digest, policy, people=people, now=self._now)
        return self._verified[key]


def _valid(platform: Platform, at: datetime) -> bytes:
    """Return the keys that are valid now: a verdict is not kept beyond the end of one."""
    return " ".join(
        key.name
        for key in platform.build_keys
        if (key.valid_until is None or at < key.valid_until)
        and (key.revoked_at is None or at < key.revoked_at)
    ).encode()


def _recall(file: Path, key: str) -> _Known:
    try:
        known = msgspec.msgpack.decode(file.read_bytes(), type=_Known)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        known = None  # never written, of another version, or truncated
    return known if known and (known.version, known.key) == (2, key) else _Known(2, key, "", {})


class InventoryWatch:
    """Takes the inventory regularly beside the reconcile loop, and reports disagreements."""

    def __init__(self, home: Home, every: timedelta = EVERY) -> None:
        self._home = home
        self._every = every
        self._running: Thread | None = None
        self._news: tuple[Warned, ...] = ()
        self._elapsed = ElapsedTime()
        self._next = 0.0
        """In seconds that passed."""
        self._found: tuple[Warned, ...] = ()

    def __call__(self, status: Status) -> "tuple[Warned, ...]":
        """Return the disagreements of the last inventory, without waiting."""
        at = self._elapsed.at(datetime.fromisoformat(status.time))
        if self._running is not None and not self._running.is_alive():
            self._found, self._running = self._news, None
            self._next = at + self._every.total_seconds()
        # Right after a change servers are still starting, which is no alarm.
        if self._running is None and status.is_ready and self._next <= at:
            # A daemon thread: the end of the process does not wait for it, and it changes nothing.
            self._running = Thread(target=self._look, args=(status,), daemon=True)
            self._running.start()
        return self._found

    def _look(self, status: Status) -> None:
        from goldenpath.deploy.machine.observations import Warned

        try:
            compared = inventory(self._home, status)
        except (GoldenPathError, OSError) as error:
            self._news = (Warned("", "inventory", str(error)),)
            return
        unequal = (
            Warned(each.deployment, "inventory", f"{each.digest[:19]}: {each.message}")
            for each in compared.cells
            if not each.agrees
        )
        unasked = (Warned("", "inventory", fault) for fault in compared.faults)
        self._news = (*unequal, *unasked)
