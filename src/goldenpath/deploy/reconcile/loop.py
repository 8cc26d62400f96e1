"""The reconcile loop: makes a target agree with git, step by step.

It is level-triggered: every step compares all of git with all of the target, so a missed change
does no harm. It fails static: when git, registry or trust cannot be read, running deployments keep
running and nothing new starts.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from goldenpath.deploy.reconcile.plan import admitted_part, plan
from goldenpath.deploy.reconcile.status import (
    DeploymentStatus,
    StallReason,
    Status,
    describe,
    judge,
)
from goldenpath.deploy.reconcile.target import Running, Target
from goldenpath.deploy.reconcile.verdicts import (
    AWAITED,
    PATIENCE,
    UNDERWAY,
    Admit,
    RefusedRelease,
    Verdicts,
)
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, Unavailable, VerificationError
from goldenpath.promote.manifests.deployment_files import Survey, by_folder, survey
from goldenpath.promote.manifests.desired import Deployment, Mark
from goldenpath.promote.manifests.restrictions import freezes, marks
from goldenpath.promote.repository.chain_of_trust import Trusted


class DesiredStateSource(Protocol):
    """The gitops repository, restricted to trusted commits."""

    def follow(self) -> Trusted:
        """Return the newest commit, verified. Raises like `follow` of the chain of trust."""

    def hurry(self) -> None:
        """Let the next `follow` ask the remote at once."""

    def last(self) -> Trusted:
        """Return the newest commit that was trusted before, from the local copy."""

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Return every file below `envs/` in a commit."""


class Reconciler:
    """Compares and acts. All state between two steps can be derived again from git and target."""

    def __init__(
        self,
        source: DesiredStateSource,
        admit: Admit,
        target: Target,
        report: Callable[[RefusedRelease], None],
        *,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._source = source
        self._target = target
        self._verdicts = Verdicts(admit, report, patience)
        self._trusted: Trusted | None = None
        self._survey = Survey((), {}, ())
        self._declared: tuple[Deployment, ...] = ()
        self._fault: StallReason | None = None
        self._read: dict[str, tuple[Mapping[str, bytes], Survey]] = {}

    @property
    def trusted(self) -> Trusted | None:
        """The commit that is followed; None before one was trusted."""
        return self._trusted

    def step(self, now: datetime, *, look: bool = True, anew: bool = False) -> Status:
        """Run one step. Without `look`, git is taken as it was read last.

        With `anew`, releases that were not admitted are checked again, whatever their pause.
        """
        self._verdicts.begin_step()
        if anew:
            self._source.hurry()
            self._verdicts.ask_again(now)
        if look:
            self._look(now)
        self._declared = tuple(self._with_admitted_standby(now))
        try:
            observed = self._target.observe()
        except Unavailable as error:
            fault = StallReason("TargetUnavailable", error.message, is_final=False)
            return self._status(now, {}, {}, {}, fault=fault)
        desired, faults = self._admitted(now, observed)
        if self._trusted is not None:
            # What is faulty or still being checked is left as it runs: the plan must not take its
            # absence for a wish to stop it.
            held = {name for name in faults if name not in desired}
            actions = plan(desired, observed, held)
            for action in actions:
                self._target.perform(action)
            if actions:
                observed = self._target.observe()
        return self._status(now, desired, observed, faults, fault=self._fault)

    def _look(self, now: datetime) -> None:
        """Follow git as far as it is trusted, and read the desired state if the commit is new."""
        try:
            trusted = self._source.follow()
            self._fault = None
        except GoldenPathError as error:
            self._fault = _git_fault(error)
            try:
                # What came before a bad commit is followed all the same.
                trusted = self._source.last()
            except GoldenPathError:
                return  # no commit was ever trusted here; `_fault` has the reason
        if self._trusted is not None and trusted.commit == self._trusted.commit:
            return
        try:
            files = self._source.files(trusted.commit)
            self._survey = self._survey_of(trusted, files)
        except GoldenPathError as error:
            self._fault = _git_fault(error)
            return
        self._trusted = trusted
        self._verdicts.follow(trusted, self._survey, files, now)

    def _survey_of(self, trusted: Trusted, files: Mapping[str, bytes]) -> Survey:
        """Return the desired state. Files that did not change are not parsed again."""
        # What a file means depends on the platform file too.
        if self._trusted is None or self._trusted.platform != trusted.platform:
            self._read = {}
        folders = by_folder(files)
        for folder, paths in folders.items():
            own, known = {path: files[path] for path in paths}, self._read.get(folder)
            if known is None or known[0] != own:
                self._read[folder] = (own, survey(own, trusted.platform))
        self._read = {folder: self._read[folder] for folder in folders}
        parts = [part for _, part in self._read.values()]
        return Survey(
            tuple(each for part in parts for each in part.deployments),
            {name: problem for part in parts for name, problem in part.problems.items()},
            tuple(field for part in parts for field in part.ignored),
            {name: each for part in parts for name, each in part.standing.items()},
        )

    def _with_admitted_standby(self, now: datetime) -> Iterator[Deployment]:
        """Yield what git declares, without releases on standby that may not run.

        Such a release gets no traffic, so its refusal is reported and stops nothing else.
        """
        for each in self._survey.deployments:
            standby = each.standby
            if standby is not None and self._verdicts.fault(each, standby.digest, now) is not None:
                yield replace(each, standby=None)
            else:
                yield each

    def _admitted(
        self, now: datetime, observed: Collection[str]
    ) -> tuple[dict[str, Deployment], dict[str, StallReason]]:
        """Return the deployments that may run, and the faults of the others, by name.

        A running deployment stays as it is while one of its releases is still being checked.
        """
        desired: dict[str, Deployment] = {}
        faults = {
            name: StallReason("Malformed", problem, is_final=True)
            for name, problem in self._survey.problems.items()
        }
        for deployment in self._declared:
            refused: dict[Digest, StallReason] = {}
            for slot in deployment.slots:
                fault = self._verdicts.fault(deployment, slot.digest, now)
                if fault is not None:
                    refused[slot.digest] = fault
            part = admitted_part(deployment, refused)
            waits = any(fault.reason in (UNDERWAY, AWAITED) for fault in refused.values())
            # Without this a deployment would shrink to its old slots for the seconds in which a new
            # one is verified.
            if part is not None and not (waits and deployment.name in observed):
                desired[deployment.name] = part
            if refused:
                faults[deployment.name] = next(iter(refused.values()))
        return desired, faults

    def _remarks(self, deployment: Deployment | None) -> tuple[Mark, ...]:
        """Return what would not pass the rules of today although it may run."""
        remarks = () if deployment is None else self._verdicts.remarks(deployment)
        return tuple(Mark("today", each) for each in remarks)

    def _status(
        self,
        now: datetime,
        desired: Mapping[str, Deployment],
        observed: Mapping[str, Running],
        faults: Mapping[str, StallReason],
        *,
        fault: StallReason | None,
    ) -> Status:
        since = now.isoformat()
        declared = {each.name: each for each in self._declared}
        names = sorted({*declared, *self._survey.problems, *observed})
        deployments = tuple(
            describe(
                name,
                declared.get(name),
                observed.get(name),
                faults.get(name),
                since=since,
                marks=(
                    *marks(self._survey.standing.get(name), now),
                    *self._remarks(declared.get(name)),
                ),
            )
            for name in names
        )
        return Status(
            time=since,
            process=0,
            commit=self._trusted.commit if self._trusted else "",
            gateway="",
            deployments=deployments,
            conditions=judge(
                self._trusted is not None and fault is None,
                fault,
                "",
                since,
                agreed="the newest trusted commit of git is followed",
            ),
            ignored=self._survey.ignored,
            marks=freezes(self._trusted.platform, now) if self._trusted else (),
            time_note=self._trusted.time_note if self._trusted else "",
        )


def summary(status: DeploymentStatus) -> str:
    """Return one line about a deployment: its state and, if it is not ready, the reason."""
    ready = next(each for each in status.conditions if each.type == "Ready")
    shares = ", ".join(f"{slot.digest[:19]} {slot.percent}%" for slot in status.running)
    return f"{status.name}: {status.phase}" + (f" ({shares})" if shares else "") + (
        "" if ready.holds else f": {ready.message}"
    )  # fmt: skip


def _git_fault(error: GoldenPathError) -> StallReason:
    if isinstance(error, Unavailable):
        return StallReason("GitUnavailable", error.message, is_final=False)
    if isinstance(error, VerificationError):
        return StallReason("CommitNotTrusted", error.message, is_final=True)
    return StallReason("GitNotReadable", error.message, is_final=True)
