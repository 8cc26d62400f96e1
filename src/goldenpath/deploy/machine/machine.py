"""One machine that follows git: the supervising process behind `goldenpath up`.

Everything that it starts is a child process and ends with it, even after SIGKILL. The next one
starts clean.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from goldenpath.deploy.machine.count_window import CountWindow
from goldenpath.deploy.machine.local_target import LocalTarget
from goldenpath.deploy.machine.observations import (
    Alarm,
    Anchored,
    Expired,
    Observation,
    Platformed,
    Warned,
)
from goldenpath.deploy.machine.release_trust import NO_TRUST
from goldenpath.deploy.machine.routing import RouteChanged, tally_numbers
from goldenpath.deploy.machine.server_launch import LocalSettings
from goldenpath.deploy.machine.supervisor import Signals
from goldenpath.deploy.machine.tenure import Tenure
from goldenpath.deploy.reconcile.loop import DesiredStateSource, Reconciler, summary
from goldenpath.deploy.reconcile.status import StallReason as StatusFault
from goldenpath.deploy.reconcile.status import (
    Status,
    judge,
    read_status,
    since_before,
    write_status,
)
from goldenpath.deploy.reconcile.verdicts import PATIENCE, Admit
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.processes.child import Message
from goldenpath.processes.launch import ReleaseTrust, ServingTerms
from goldenpath.processes.sidecar import Sidecar
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted

LOOK_EVERY = 1.0
STATUS_EVERY = 2.0
ANCHOR_EVERY = 300.0
"""Seconds, by a clock that nobody sets."""


ReleaseTrustOf = Callable[[Trusted, Deployment, Digest], ReleaseTrust]
"""Returns what the server of a release in a deployment verifies itself."""


class Machine:
    """Runs the reconcile loop over the local target until it gets a signal to stop."""

    def __init__(
        self,
        settings: LocalSettings,
        source: DesiredStateSource,
        admit: Admit,
        *,
        say: Callable[[str], None],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        record: Callable[[Observation, str], object],
        derive: Callable[[str], None] = lambda _: None,
        steer: Callable[[Status], bool] | None = None,
        watch: Callable[[Status], "tuple[Warned, ...]"] = lambda _: (),
        hold: Callable[[bool], None] = lambda _: None,
        patience: timedelta = PATIENCE,
        trust: ReleaseTrustOf,
        tenure: Tenure,
    ) -> None:
        self._tenure = tenure
        self._run = settings.run
        self._trust_of = trust
        self._scheme: Literal["http", "https"] = (
            "https" if settings.listener_settings.certificate else "http"
        )
        self._say = say
        self._now = now
        self._clock = clock
        self._record = record
        self._derive = derive
        self._derived = ""
        self._steer = steer
        self._watch = watch
        self._hold = hold
        self._stretch = CountWindow()
        self._target = LocalTarget(
            settings, self._trust, self.happened, self._terms, standing=lambda: tenure.standing
        )
        self._reconciler = Reconciler(source, admit, self._target, self.happened, patience=patience)
        self._target.declare(None)
        self._pending: deque[Observation] = deque()
        self._heads: dict[str, Message] = {}
        self._anchored = clock()
        self._log_fault = ""
        self._status: Status | None = None
        self._looked = self._written = clock() - STATUS_EVERY
        self._logged: Mapping[str, str] = {}
        self._warned: frozenset[Warned] = frozenset()
        self._signals = Signals()
        self._woken = True

    def attend(self, sidecar: Sidecar, *, is_listener: bool = False) -> None:
        """Keep another child process running, beside one to take over from if `is_listener`.

        Its findings go into the audit log. Its addresses and failures are printed, each failure
        once until it makes progress again.
        """
        complaints: set[str] = set()

        def hear(message: Message) -> None:
            self._pass_on(sidecar.name, message, complaints)
            if message.get("event") in ("alarm", "repaired"):
                self.happened(Alarm(message))
            elif message.get("event") == "sealed":
                self._heads[f"{message.get('replica')}"] = message
            elif message.get("event") == "expired":
                self.happened(Expired(message))
            elif message.get("event") == "answers":
                self._stretch.hear(message)

        self._target.sidecars.attend(sidecar, hear, is_listener=is_listener)

    def _pass_on(self, name: str, message: Message, complaints: set[str]) -> None:
        event, text = message.get("event"), str(message.get("message", ""))
        if event == "ready":
            if address := message.get("address"):
                self._say(f"{name}: {address}")
            if metrics := message.get("metrics"):
                self._say(f"metrics: {self._scheme}://{metrics}/metrics")
        elif event in ("sealed", "delivered"):
            complaints.clear()
        elif event == "failed" and text not in complaints:
            complaints.add(text)
            self._say(f"{name}: {text}")

    def happened(self, what: Observation) -> None:
        """Record an observation in the audit log, or as soon as the log can be written.

        Order is kept. If the process is killed first, the next one observes the same again.
        """
        # Counts of before a change of the split say nothing about the canary of after it.
        if isinstance(what, RouteChanged):
            self._stretch.begin(f"{what.stage}/{what.model}")
        self._pending.append(what)
        self._flush()

    def serve(self, *, once: bool) -> Status:
        """Run until a signal says stop or, with `once`, until nothing is in progress."""
        with self._signals.heard() as wakened:
            seen = _last_seen(self._run / "status.json")
            self.happened(Platformed("platform.started", os.getpid(), seen))
            try:
                while not self._signals.stop:
                    status = self._step()
                    if once and status.is_settled:
                        break
                    self._target.wait(0.5, [wakened])
            finally:
                self._say("stopping: answering what came, then ending every server")
                # Servers first, then the anchor: their last segments belong into it.
                self._target.close()
                # One that never took over leaves no trace.
                if self._is_alone:
                    self._anchor()
                    self.happened(Platformed("platform.stopped", os.getpid()))
                    self._hold(True)
        return self._step_status()

    @property
    def platform(self) -> Platform | None:
        """The platform file in force; None before one was trusted."""
        return self._reconciler.trusted.platform if self._reconciler.trusted else None

    @property
    def commit(self) -> str:
        """The commit that is followed; empty before one was trusted."""
        return self._reconciler.trusted.commit if self._reconciler.trusted else ""

    @property
    def _is_alone(self) -> bool:
        return self._tenure.standing.is_held

    def _trust(self, deployment: Deployment, digest: Digest) -> ReleaseTrust:
        """Return what the server of a release verifies itself, at the commit that is followed."""
        trusted = self._reconciler.trusted
        return NO_TRUST if trusted is None else self._trust_of(trusted, deployment, digest)

    def _terms(self, stage: str) -> ServingTerms:
        """Return the serving terms of a stage, by the platform file in force."""
        platform = self.platform
        declared = platform.stage(stage) if platform is not None else None
        if declared is None:
            return ServingTerms()
        return ServingTerms(declared.log.on_loss, declared.canary_refusals, declared.stable_outage)

    def _anchor(self) -> None:
        """Record the newest segment of each replica in the audit log."""
        if self._heads:
            self.happened(Anchored(tuple(self._heads.values())))
            self._heads = {}

    def _step_status(self) -> Status:
        assert self._status is not None  # noqa: S101 - `serve` made at least one step
        return self._status

    def _step(self) -> Status:
        now, elapsed = self._now(), self._clock()
        woken = self._signals.take_wake() or self._woken
        look = woken or self._looked + LOOK_EVERY <= elapsed
        if look:
            self._looked = elapsed
            self._woken = False
        if woken:
            self._target.reload()
        if self._is_alone and self._anchored + ANCHOR_EVERY <= elapsed:
            self._anchored = elapsed
            self._anchor()
            self._hold(False)
        self._flush()
        self._derive_events()
        status = self._complete(self._reconciler.step(now, look=look, anew=woken), now)
        if self._reconciler.trusted is not None:
            self._target.declare(frozenset(each.name for each in status.deployments))
        if not self._may_act(elapsed, status):
            self._status = status
            return status
        changed = self._status is None or _lasting(status) != _lasting(self._status)
        self._status = status
        if changed or elapsed - self._written >= STATUS_EVERY:
            write = partial(write_status, status, self._run / "status.json")
            self._target.home_faults.attempt("the status", write)
            self._written = elapsed
        self._log_status(status)
        self._warn(status)
        # After the status was written, which the judge of the canary reads.
        if look and self._steer is not None:
            self._woken = self._steer(status) or self._woken
        return status

    def _may_act(self, elapsed: float, status: Status) -> bool:
        """Come closer to the lock if another supervisor has it, and return whether it is held."""
        declared = None if not self.commit else {each.name for each in status.deployments}
        if news := self._tenure.advance(elapsed, self._target, declared):
            self._say(f"goldenpath up: {news}")
        self._refuse_taken_port(status)
        return self._is_alone

    def _complete(self, status: Status, now: datetime) -> Status:
        conditions = status.conditions
        # Only a machine that is otherwise ready: a fault of the source matters more and is shown.
        if all(each.holds == (each.type == "Ready") for each in conditions):
            fault = self._fault()
            if fault is not None:
                conditions = judge(False, fault, "", now.isoformat())
        full = replace(
            status,
            process=os.getpid(),
            gateway=self._target.address,
            scheme=self._scheme,
            conditions=conditions,
            tallies=tally_numbers(self._target.tallies),
            answers={
                key: counts
                for each in status.deployments
                if len(each.running) > 1
                for key, counts in self._stretch.counts(each.name).items()
            },
            answering=self._target.answering(),
        )
        return since_before(full, self._status)

    def _fault(self) -> StatusFault | None:
        """Return what of this machine does not work although everything may be served."""
        target = self._target
        faults = {
            "GatewayFailed": target.gateway_fault,
            "HomeNotWritable": target.home_faults.message,
            "AuditLogUnavailable": self._log_fault,
            "ChildFailed": target.sidecars.fault,
        }
        for reason, message in faults.items():
            if message:
                return StatusFault(reason, message, is_final=False)
        return None

    def _refuse_taken_port(self, status: Status) -> None:
        """Raise `Unavailable` if the gateway never started: only the user can free the port."""
        if not status.gateway and self._target.gateway_fault:
            raise Unavailable(
                self._target.gateway_fault,
                hint="choose another address with --listen, or stop the program that uses it"
                if "cannot listen" in self._target.gateway_fault
                else "see gateway.log in the logs of the home",
            )

    def _warn(self, status: Status) -> None:
        """Raise each alarm once when it begins, and again if it ended and comes back."""
        now = frozenset(
            Warned(each.name, mark.kind, mark.message)
            for each in status.deployments
            for mark in each.marks
            if mark.kind in ("glass", "overdue")
        ) | frozenset(self._watch(status))
        for warning in sorted(now - self._warned, key=lambda warned: warned.name):
            self.happened(warning)
            self._say(f"{warning.name or 'machine'}: ALARM: {warning.message}")
        self._warned = now

    def _log_status(self, status: Status) -> None:
        lines = {each.name: summary(each) for each in status.deployments}
        if status.gateway:
            lines["gateway"] = f"gateway: {status.scheme}://{status.gateway}"
        for condition in status.conditions:
            if condition.holds and condition.type != "Ready" and condition.message:
                lines["machine"] = f"machine: {condition.reason}: {condition.message}"
        for name, line in lines.items():
            if self._logged.get(name) != line:
                self._say(line)
        for name in self._logged.keys() - lines.keys():
            self._say(f"{name}: gone" if name != "machine" else "machine: all is well again")
        self._logged = lines

    def _flush(self) -> None:
        # Events of one that has not taken over yet follow those of the one before.
        while self._pending and self._is_alone:
            try:
                self._record(self._pending[0], self.commit)
            except GoldenPathError as error:
                self._log_fault = error.message
                return
            self._pending.popleft()
        self._log_fault = ""

    def _derive_events(self) -> None:
        """Let the audit log get the events of the commits up to the one that is followed."""
        commit = self.commit
        if commit and commit != self._derived and not self._log_fault and self._is_alone:
            try:
                self._derive(commit)
            except GoldenPathError as error:
                self._log_fault = error.message
            else:
                self._derived = commit


def _last_seen(file: Path) -> str:
    """Return the time of the last status of the run before; it was published every 2 s."""
    try:
        before = read_status(file)
    except InvalidInput:
        return ""  # a power cut in the middle of it
    return before.time if before is not None else ""


def _lasting(status: Status) -> Status:
    """Return the status without the parts that change with every request."""
    return replace(status, time="", tallies=None, answers=None)
