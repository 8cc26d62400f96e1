"""What `goldenpath up` runs on this machine, and requests to it."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from goldenpath.audit.alarms.alarm_settings import AlarmLaunch, AlarmSettings, alarm_settings
from goldenpath.audit.alarms.channel_secrets import secrets_folder
from goldenpath.audit.answers.hold_watch import HoldWatch
from goldenpath.audit.events.observed import event_of, moved_event
from goldenpath.canary.analysis import CanaryVerdict
from goldenpath.canary.steering import Moves, Steering, judged, plans
from goldenpath.compose.audits.advisory_job import AdvisoryWatch
from goldenpath.compose.consoles.console_listener import ConsoleListener
from goldenpath.compose.gitops_access import forge, git_source, gitops, monitors_of, seen
from goldenpath.compose.inventory_watch import InventoryWatch
from goldenpath.compose.listeners import inner_socket, listener_settings
from goldenpath.compose.process_context import commit_events, event_log, now, uv
from goldenpath.compose.stores import local_store, store_of
from goldenpath.compose.witness import HoldsHeads
from goldenpath.deploy.machine.machine import Machine
from goldenpath.deploy.machine.release_admission import ReleaseAdmission
from goldenpath.deploy.machine.release_trust import EntryTrust
from goldenpath.deploy.machine.server_launch import LocalSettings
from goldenpath.deploy.machine.supervisor import start_detached
from goldenpath.deploy.machine.tenure import handover_socket, tenure
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.observe.telemetry.otlp_settings import otel_variables, otlp_settings
from goldenpath.processes.launch import GrpcLaunch
from goldenpath.processes.observer_launch import Keep, Keeping, ObserverLaunch
from goldenpath.processes.sidecar import Sidecar
from goldenpath.promote.acts.intents import StageChange
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.promote.workspace.workspace import Outcome, Workspace
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import (
    ALARM_SECRETS_VARIABLE,
    CA_VARIABLE,
    evidence_timeout,
    has_metric_bins,
    proxy_environment,
    releases_per_process,
    tool_environment,
)


@dataclass(frozen=True, slots=True)
class Listening:
    """Addresses of the listeners that the user chose, each as `HOST:PORT`."""

    gateway: str | None = None
    """None means the address of `platform.toml`."""
    metrics: str | None = None
    """None: nowhere."""
    grpc: str | None = None
    """None: nowhere."""
    console: str | None = None
    """None: nowhere."""


def serve(home: Home, listening: Listening, *, once: bool, say: Callable[[str], None]) -> Status:
    """Run this machine in the foreground, with its child processes and its audit log.

    Takes over from another one that runs, unless `once`. Raises `NotFound` if the machine was never
    set up, `InvalidInput` if another one runs and cannot be taken over from.
    """
    source, log = git_source(home), event_log(home)
    platform = source.newest().platform  # before anything is created in a folder that is no home
    listeners = listener_settings(os.environ)
    console = _console(home, listening, say)
    # A verb signals whoever holds the lock; before the loop handles it, it would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with tenure(home.run, takes_over=not once) as place:
        settings = LocalSettings(
            run=home.run,
            store=local_store(home, platform),
            spool=home.spool,
            listen=listening.gateway or platform.gateway,
            environment=tool_environment(os.environ),
            server=(sys.executable, "-m", "goldenpath.serve"),
            gateway=(sys.executable, "-m", "goldenpath.serve.gateway"),
            shared_server=(sys.executable, "-m", "goldenpath.serve", "shared"),
            most_shared=releases_per_process(os.environ),
            listener_settings=listeners,
            inner=inner_socket(home.run, os.getpid()) if listening.grpc else "",
            handover=handover_socket(home.run, os.getpid()),
            uv=uv(),
        )
        history = StageHistory(gitops(home), seen(home))
        watches, holds = (InventoryWatch(home), AdvisoryWatch(home)), HoldWatch(home)
        machine = Machine(
            settings,
            source,
            ReleaseAdmission(lambda platform: store_of(home, platform), history, monitors_of(home)),
            say=say,
            now=now,
            record=lambda what, commit: log.append(event_of(what, now(), commit)),
            derive=commit_events(home, gitops(home)).catch_up,
            steer=_steering(home, platform, say),
            watch=lambda status: tuple(
                each for watch in (*watches, holds) for each in watch(status)
            ),
            hold=HoldsHeads(home, say, lambda: (machine.platform, machine.commit)),
            patience=evidence_timeout(os.environ),
            trust=EntryTrust(history, settings.store, now),
            tenure=place,
        )
        keeping = partial(_keeping_of, machine, holds)
        machine.attend(_observer(home, settings, listening.metrics or "", keeping))
        machine.attend(_alarms(home, settings, lambda: machine.platform))
        if listening.grpc:
            is_beside = not place.standing.is_held
            grpc_listener = _grpc_listener(settings, listening.grpc, is_shared=is_beside)
            machine.attend(grpc_listener, is_listener=True)
        with console:
            return machine.serve(once=once)


def _console(
    home: Home, listening: Listening, say: Callable[[str], None]
) -> AbstractContextManager[object]:
    address = listening.console
    return ConsoleListener(home, address, say) if address is not None else nullcontext()


def _observer(
    home: Home, settings: LocalSettings, metrics: str, keeping: Callable[[], Keeping | None]
) -> Sidecar:
    otlp = otel_variables(os.environ)
    otlp_settings(otlp)  # a wrong variable ends `up` here, and not the observer later
    launch = ObserverLaunch(
        home=str(home.root),
        store=str(settings.store),
        otlp=otlp,
        metrics=metrics,
        bins=has_metric_bins(os.environ),
        listener_settings=settings.listener_settings,
    )
    command = (sys.executable, "-m", "goldenpath.observe")
    log = settings.run / "logs" / "observer.log"
    return Sidecar(
        "observer", command, settings.environment, log, launch=lambda: launch, news=keeping
    )


def _alarms(
    home: Home, settings: LocalSettings, platform: Callable[[], Platform | None]
) -> Sidecar:
    """Return what delivers alarms and audit events.

    It starts once `platform.toml` names a channel, or at once if logs have an OTLP receiver.
    """
    launch = AlarmLaunch(
        home=str(home.root),
        secrets=str(secrets_folder(home, os.environ.get(ALARM_SECRETS_VARIABLE, ""))),
        ca_file=os.environ.get(CA_VARIABLE, ""),
        environment=proxy_environment(os.environ),
        otlp=otel_variables(os.environ),
    )
    command = (sys.executable, "-m", "goldenpath.audit.alarms")
    log = settings.run / "logs" / "alarms.log"

    sends_logs = "logs" in otlp_settings(launch.otlp).targets

    def channels() -> AlarmSettings | None:
        found = platform()
        return alarm_settings(found) if found is not None else None

    def needed() -> AlarmLaunch | None:
        found = channels()
        is_needed = found is not None and (bool(found.stages) or sends_logs)
        return launch if is_needed else None

    return Sidecar("alarms", command, settings.environment, log, launch=needed, news=channels)


def _keeping_of(machine: Machine, holds: HoldWatch) -> Keeping | None:
    return _keeping(machine.platform, holds.in_force)


def _keeping(platform: Platform | None, holds: tuple[str, ...] | None) -> Keeping | None:
    """Return how long each stage keeps its log; None while that or the holds are not known."""
    if platform is None or holds is None:
        return None
    return Keeping(
        tuple(
            Keep(stage.name, stage.log.inputs.days, stage.log.records.days)
            for stage in platform.stages
        ),
        holds,
    )


def _grpc_listener(settings: LocalSettings, listen: str, *, is_shared: bool) -> Sidecar:
    """Return the gRPC listener before the gateway: its own process, the same certificates.

    The address is shared with the listener of a supervisor that is taken over from.
    """
    launch = GrpcLaunch(
        listen,
        f"unix:{settings.inner}",
        listener_settings=settings.listener_settings,
        caller_secret=settings.caller_secret,
        is_shared=is_shared,
    )
    command = (sys.executable, "-m", "goldenpath.serve.grpc")
    log = settings.run / "logs" / "grpc.log"
    return Sidecar("grpc", command, settings.environment, log, launch=lambda: launch)


def detach(home: Home, listening: Listening, *, replaces: bool) -> Status:
    """Start the machine in the background and wait until nothing is in progress.

    One that `replaces` takes over from one that runs, whatever its version.
    """
    flags = {
        "--listen": listening.gateway,
        "--metrics": listening.metrics,
        "--grpc": listening.grpc,
        "--console": listening.console,
    }
    options = [text for name, value in flags.items() if value for text in (name, value)]
    options += [] if listening.console else ["--no-console"]
    command = [sys.executable, "-c", "from goldenpath.cli.main import main; main()", "up"]
    return start_detached(home.run, [*command, *options], os.environ, replaces=replaces)


def canary_verdicts(home: Home, status: Status) -> Mapping[str, Mapping[str, CanaryVerdict]]:
    """Return the judge's verdict on each canary from the counts, by deployment and slot."""
    plan = plans(gitops(home))
    return {
        each.name: judged(status, each, plan(status.commit, each.name))
        for each in status.deployments
        if len(each.running) > 1
    }


def _steering(home: Home, platform: Platform, say: Callable[[str], None]) -> Steering | None:
    """Return what moves canaries with the rollout key; None if this machine has no such key."""
    if not home.rollout_key.exists():
        return None
    acting = Identity("rollout", SshKey.load(home.rollout_key))
    store = store_of(home, platform)
    events = commit_events(home, gitops(home))

    def moved(kind: Moves, digest: Digest, outcome: Outcome[StageChange]) -> None:
        events.append(moved_event(kind, acting.name, digest, outcome, time=now()))

    place = Workspace(gitops(home), home.trust, lambda: store, acting, now, forge(platform))
    return Steering(place, moved, say)
