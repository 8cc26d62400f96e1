"""One release served by itself: what `goldenpath serve` finds, checks and starts.

It ends in the same `ServerConfiguration` that `goldenpath up` writes for its children, and in the
same server. Beside the server runs the same observer, which seals the log and reports telemetry.
"""

import os
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from goldenpath.compose.containers.release_finding import FoundRelease, find_release
from goldenpath.compose.containers.trust_file import trust_file
from goldenpath.compose.listeners import listener_settings
from goldenpath.compose.process_context import now, uv
from goldenpath.errors import InvalidInput
from goldenpath.files import take_lock
from goldenpath.home import Home
from goldenpath.observe.telemetry.otlp_settings import otel_variables, otlp_settings
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.cgroup import cgroup_limits
from goldenpath.processes.launch import (
    CodeSettings,
    ReleaseSource,
    ReleaseTrust,
    ServerConfiguration,
)
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.processes.sidecar import Sidecar
from goldenpath.release.artifact.evidence_copy import copy_evidence
from goldenpath.release.artifact.source_store import open_source
from goldenpath.release.attest.launch_trust import policy_of
from goldenpath.release.attest.policy import OWN_TIME
from goldenpath.serve.server.lifecycle import run
from goldenpath.serve.server.release_server import ServerOutput
from goldenpath.settings import tool_environment

ENDED_EARLY = 128 + signal.SIGTERM
"""The exit code of a server that is asked to end before it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What the user chose, by flags or by environment."""

    source: str
    verify: Path | None
    evidence: str | None
    release: str | None
    listen: str
    grpc: str | None
    metrics: str | None
    stage: str
    state: Path | None
    records: bool
    on_loss: Literal["serve", "refuse"]
    threads: int
    drain_delay: float


def serve_release(home: Home, options: ServeOptions, output: ServerOutput) -> None:
    """Serve one release until SIGTERM, and return once everything that came was answered.

    Raises `InvalidInput`, `NotFound`, `VerificationError` or `Unavailable` if it cannot.
    """
    # The first process of a container ignores a signal that it has no handler for.
    signal.signal(signal.SIGTERM, _end_early)
    if options.metrics and not options.records:
        raise InvalidInput(
            "metrics are counted from the records: expected records together with --metrics"
        )
    state = options.state or home.root / "serve"
    with ExitStack() as stack:
        if options.records:
            stack.enter_context(_own_state(state))
        trust = trust_file(options.verify)
        found = find_release(home, options, state, is_verified=trust is not None)
        if trust is None:
            output.log(f"NOT VERIFIED: no trust file was named; {found.certainty}")
        elif ended := ended_keys(trust, now()):
            output.log(f"what {', '.join(ended)} signed counts {OWN_TIME}")
        run(
            _configuration(options, state, found, trust=trust, say=output.log),
            output,
            beside=[_observer(options, state, found)] if options.records else [],
        )


def _configuration(
    options: ServeOptions,
    state: Path,
    found: FoundRelease,
    *,
    trust: ReleaseTrust | None,
    say: Callable[[str], None],
) -> ServerConfiguration:
    slot = f"r{found.digest.hex[:12]}"
    return ServerConfiguration(
        stage=options.stage,
        model="",
        slot=slot,
        digest=found.digest.text,
        replica=f"{slot}-{secrets.token_hex(6)}",
        source=found.source,
        trust=trust,
        listen=options.listen,
        grpc=options.grpc or "",
        listener_settings=listener_settings(os.environ),
        spool=str(Home(state).spool) if options.records else "",
        on_loss=options.on_loss,
        code=CodeSettings(
            scratch=str(state / "run" / "contents"), uv=uv(), search=os.environ.get("PATH", "")
        ),
        is_behind_gateway=False,
        threads=_threads(options.threads, say),
        drain_delay=options.drain_delay,
    )


def _threads(wanted: int, say: Callable[[str], None]) -> int:
    """Return the threads of a call: more than can run at once would only wait for each other."""
    most = min(cgroup_limits().threads or wanted, len(os.sched_getaffinity(0)))
    if wanted > most:
        say(f"{wanted} threads were asked for, and this process may use {most}")
    return min(wanted, most)


def _observer(options: ServeOptions, state: Path, found: FoundRelease) -> Sidecar:
    otlp = otel_variables(os.environ)
    otlp_settings(otlp)  # a wrong variable ends the container here, and not the observer later
    launch = ObserverLaunch(
        home=str(state),
        store="",
        source=_observed(found, state),
        otlp=otlp,
        metrics=options.metrics or "",
        listener_settings=listener_settings(os.environ),
    )
    # Its libraries would start a thread for each processor of the machine.
    threads = str(cgroup_limits().threads or len(os.sched_getaffinity(0)))
    return Sidecar(
        "observer",
        (sys.executable, "-m", "goldenpath.observe"),
        {**tool_environment(os.environ), "OMP_NUM_THREADS": threads},
        state / "run" / "logs" / "observer.log",
        launch=lambda: launch,
    )


def _observed(found: FoundRelease, state: Path) -> ReleaseSource:
    """Return the release for the observer, which may need it when the registry is away."""
    if "://" not in found.source.evidence:
        return found.source
    registry, store = Home(state).registry, open_source(found.source)
    copy_evidence(store, LayoutStore(registry), store.resolve(found.digest.text))
    return replace(found.source, evidence=str(registry))


def ended_keys(trust: ReleaseTrust, at: datetime) -> tuple[str, ...]:
    """Return the names of the keys whose time is over, or that were revoked."""
    return tuple(
        key.name
        for key in policy_of(trust).keys
        if any(end is not None and end <= at for end in (key.valid_until, key.revoked_at))
    )


@contextmanager
def _own_state(state: Path) -> Iterator[None]:
    """Hold the folder of records for this server alone."""
    try:
        (state / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (state / "run" / "serve.lock").open("a")
    except OSError as error:
        raise InvalidInput(
            f"the folder for records, {state}, cannot be written: {error.strerror}",
            hint="name one that this user can write with --state, or leave the records out with "
            "--no-records",
        ) from error
    with lock:
        if not take_lock(lock, wait=False):
            raise InvalidInput(
                f"another server keeps its records in {state}",
                hint="name another folder with --state",
            )
        yield


def _end_early(number: int, frame: object) -> None:
    sys.exit(ENDED_EARLY)
