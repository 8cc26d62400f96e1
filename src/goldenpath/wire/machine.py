"""What `goldenpath up` runs on this machine, and what can be asked of it."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from goldenpath.artifact.pack import CONTRACT
from goldenpath.artifact.unpack import open_release
from goldenpath.attest.sshsig import SshKey
from goldenpath.attest.verify import verify
from goldenpath.audit.observed import event_of, moved_event
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.gateway.analysis import Verdict
from goldenpath.gateway.sending import Sent, Wish, send_rows
from goldenpath.gateway.steering import Moves, Steering, judged, plans
from goldenpath.gitops.identity import Identity
from goldenpath.gitops.manifests import Survey
from goldenpath.gitops.promotion import Desk, Promoted
from goldenpath.gitops.surveying import Surveyor
from goldenpath.gitops.trust import Trusted
from goldenpath.observe.launch import ObserverLaunch
from goldenpath.project.contract import parse_contract
from goldenpath.promote.admission import release_policy
from goldenpath.promote.platform import Platform
from goldenpath.reconcile.admission import lapsed
from goldenpath.reconcile.inventory import Cell, compare
from goldenpath.reconcile.launch import DoorLaunch
from goldenpath.reconcile.source import GitSource
from goldenpath.reconcile.status import Status, read_status
from goldenpath.settings import OTLP_VARIABLE, Home, tool_environment
from goldenpath.targets.local import LocalSettings
from goldenpath.targets.machine import Machine
from goldenpath.targets.sidecar import Sidecar
from goldenpath.targets.supervisor import (
    alone,
    is_held,
    start_detached,
    stop_supervisor,
    supervisor,
)
from goldenpath.wire.bringing import Admission
from goldenpath.wire.entrance import door_of, entrance
from goldenpath.wire.governing import gitops
from goldenpath.wire.here import event_log, now, uv
from goldenpath.wire.stores import local_store, store_of


@dataclass(frozen=True, slots=True)
class Listening:
    """Where this machine is to be reached, as far as its user says so; each `HOST:PORT`."""

    gateway: str | None = None
    """None: as `platform.toml` has it."""
    metrics: str | None = None
    """None: nowhere."""
    grpc: str | None = None
    """None: nowhere."""


def serve(home: Home, asked: Listening, *, once: bool, say: Callable[[str], None]) -> Status:
    """Runs this machine in the foreground, with everything that it starts and writes down.

    Raises `NotFound` if the machine was never set up, `InvalidInput` if another one runs.
    """
    source, log = GitSource(gitops(home), home.trust), event_log(home)
    platform = source.newest().platform  # before anything is made in a home that is none
    callers = entrance(os.environ)
    if asked.grpc and callers.certificate:
        raise InvalidInput(
            "gRPC is taken in plain text only: expected no certificate for the gateway beside it",
            hint="put the gRPC door of a model server behind TLS, or leave out --grpc",
        )
    with alone(home.run):
        settings = LocalSettings(
            run=home.run,
            store=local_store(home, platform),
            spool=home.spool,
            listen=asked.gateway or platform.gateway,
            environment=tool_environment(os.environ),
            server=(sys.executable, "-m", "goldenpath.serve"),
            gateway=(sys.executable, "-m", "goldenpath.gateway"),
            entrance=callers,
            uv=uv(),
        )
        machine = Machine(
            settings,
            source,
            Admission(lambda platform: store_of(home, platform), now),
            say=say,
            now=now,
            record=lambda what, commit: log.append(event_of(what, now(), commit)),
            steer=_steering(home, platform, say),
        )
        machine.attend(_observer(home, settings, asked.metrics or ""))
        if asked.grpc:
            machine.attend(_door(settings, asked.grpc))
        return machine.serve(once=once)


def _observer(home: Home, settings: LocalSettings, metrics: str) -> Sidecar:
    launch = ObserverLaunch(
        home=str(home.root),
        store=str(settings.store),
        endpoint=os.environ.get(OTLP_VARIABLE, ""),
        metrics=metrics,
    )
    command = (sys.executable, "-m", "goldenpath.observe")
    log = settings.run / "logs" / "observer.log"
    return Sidecar("observer", command, settings.environment, log, lambda: launch)


def _door(settings: LocalSettings, listen: str) -> Sidecar:
    """gRPC before the gateway, in a process of its own."""
    if settings.listen.endswith(":0"):
        raise InvalidInput("calls over gRPC need a gateway whose port is known: expected not 0")
    launch = DoorLaunch(listen, settings.listen)
    command = (sys.executable, "-m", "goldenpath.rpc")
    log = settings.run / "logs" / "grpc.log"
    return Sidecar("grpc", command, settings.environment, log, lambda: launch)


def detach(home: Home, asked: Listening) -> Status:
    """Starts the machine in the background and waits until nothing is on its way."""
    wanted = {"--listen": asked.gateway, "--metrics": asked.metrics, "--grpc": asked.grpc}
    options = [word for name, value in wanted.items() if value for word in (name, value)]
    command = [sys.executable, "-c", "from goldenpath.cli.main import main; main()", "up"]
    return start_detached(home.run, [*command, *options], os.environ)


def status(home: Home) -> tuple[Status, bool]:
    """What `up` published last, and whether it still runs. Raises `NotFound` if it never did."""
    found = read_status(home.run / "status.json")
    if found is None:
        raise NotFound("goldenpath up never ran here", hint="run goldenpath up")
    return found, is_held(home.run)


def await_status(home: Home, seconds: float) -> tuple[Status, bool]:
    """The status once `up` runs what git says now, or is stalled; at the latest after `seconds`."""
    head = gitops(home).fetch()
    wake(home)
    give_up = time.monotonic() + seconds
    while True:
        found, is_alive = status(home)
        is_there = found.commit == head and (found.is_ready or found.is_settled)
        if not is_alive or is_there or time.monotonic() > give_up:
            return found, is_alive
        time.sleep(0.05)


def canary_verdicts(home: Home, status: Status) -> Mapping[str, Mapping[str, Verdict]]:
    """What the judge says of each canary, by deployment and slot, from what was counted."""
    plan = plans(gitops(home))
    return {
        each.name: judged(status, each, plan(status.commit, each.name))
        for each in status.deployments
        if len(each.running) > 1
    }


def _steering(home: Home, platform: Platform, say: Callable[[str], None]) -> Steering | None:
    """What moves canaries with this machine's key; None if it was given none."""
    if not home.rollout_key.exists():
        return None
    acting = Identity("rollout", SshKey.load(home.rollout_key))
    store = store_of(home, platform)
    log = event_log(home)

    def moved(kind: Moves, digest: Digest, done: Promoted) -> None:
        log.append(moved_event(kind, acting.name, digest, done, now()))

    return Steering(Desk(gitops(home), home.trust, store, acting, now), moved, say)


def stop(home: Home) -> bool:
    """Ends what `up` runs and waits for it; False if nothing ran."""
    return stop_supervisor(home.run)


def wake(home: Home) -> None:
    """Lets `up`, if it runs, look at git now instead of within a second."""
    found = supervisor(home.run)
    if found is not None:
        os.kill(found.process, signal.SIGHUP)


def desired(home: Home) -> tuple[Trusted, Survey]:
    """The newest commit that was trusted here, and what it wants to run."""
    source = GitSource(gitops(home), home.trust)
    trusted = source.newest()
    return trusted, Surveyor(gitops(home), home.run / "survey").survey(trusted)


def send(home: Home, stage: str, model: str, wish: Wish) -> Sent:
    """Sends rows of a table to a model through the gateway of this machine."""
    followed, wanted = desired(home)
    running, is_alive = status(home)
    if not (is_alive and running.gateway):
        raise Unavailable("the gateway does not run here", hint="start it with goldenpath up")
    name = f"{stage}/{model}"
    found = next((each for each in wanted.deployments if each.name == name), None)
    if found is None:
        known = ", ".join(each.name for each in wanted.deployments) or "nothing"
        raise NotFound(f"{name} is not declared: expected one of {known}")
    release = open_release(store_of(home, followed.platform), found.slots[0].digest)
    contract = parse_contract(release.files[CONTRACT])
    path = f"/{stage}/{model}/v2/models/{model}/infer"
    door = door_of(running.gateway, running.scheme, os.environ)
    return send_rows(door, path, contract, wish, secrets.randbits(64))


def inventory(home: Home) -> tuple[Cell, ...]:
    """Every release that git wants or that runs, and whether git, registry and signature agree."""
    followed, wanted = desired(home)
    store = store_of(home, followed.platform)
    running = status(home)[0] if is_held(home.run) else None

    def look(digest: Digest, stage: str, model: str) -> tuple[bool, bool, str]:
        try:
            verified = verify(
                store,
                digest,
                release_policy(followed.platform),
                people=followed.platform.people,
                now=now(),
            )
        except NotFound as error:
            return False, False, error.message
        wrong = [each.message for each in verified.findings if each.status == "fail"]
        place = followed.platform.stage(stage)
        if place is not None:
            standing = wanted.standing.get(f"{stage}/{model}")
            glass = None if standing is None else standing.glass
            wrong += lapsed(verified, place, followed.platform, model, now(), glass)
        return True, verified.holds, "; ".join(wrong)

    return compare(wanted, running, look, now())


def is_up(home: Home) -> bool:
    """Whether `goldenpath up` runs on this machine now."""
    return supervisor(home.run) is not None
