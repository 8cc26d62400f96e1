"""The reconcile loop: makes a target agree with git, step by step.

Level-triggered: every step looks at all of git and all of the target, so that nothing depends on
having seen a change. Fail static: what runs keeps running when git, registry or trust cannot be
read, and nothing new starts.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from goldenpath.attest.policy import Finding
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.gitops.desired import Deployment
from goldenpath.gitops.manifests import Survey, survey
from goldenpath.gitops.standing import freezes, marks
from goldenpath.gitops.trust import Trusted
from goldenpath.promote.glass import Glass
from goldenpath.promote.platform import Platform
from goldenpath.reconcile.plan import admitted_part, plan
from goldenpath.reconcile.status import DeploymentStatus, Fault, Status, describe, judge
from goldenpath.reconcile.target import Running, Target

ASK_AGAIN = timedelta(seconds=5)
"""How soon a release that was not admitted is looked at again; then each time twice as late."""
LONGEST_PAUSE = timedelta(minutes=10)
UNDERWAY = "Verifying"
"""The reason of what is still being checked."""


class Underway(Unavailable):
    """The checks of a release go on beside the loop: it asks again with every step."""


class Source(Protocol):
    """The gitops repository, as far as it is trusted."""

    def follow(self) -> Trusted:
        """The newest commit, its chain verified. Raises like `goldenpath.gitops.trust.follow`."""

    def hurry(self) -> None:
        """The next `follow` asks, however short ago it asked."""

    def last(self) -> Trusted:
        """The newest commit that was trusted before, from what is here already."""

    def files(self, commit: str) -> Mapping[str, bytes]:
        """Everything below `envs/` in a commit."""


Admit = Callable[[Platform, Deployment, Digest, datetime, Glass | None], tuple[Finding, ...]]
"""The checks of one release for one stage, as `goldenpath.reconcile.admission.admit` makes them.

Raises `Underway` if they take longer than the loop has time for.
"""


@dataclass(frozen=True, slots=True)
class Refused:
    """A release that git wants was not admitted; nothing of it was loaded."""

    stage: str
    model: str
    digest: Digest
    commit: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    """The verdict on one release in one stage, under one platform file."""

    platform: Platform
    fault: Fault | None
    again_at: datetime | None = None
    pause: timedelta = ASK_AGAIN


class Reconciler:
    """Compares and acts; all it keeps between two steps can be found out anew."""

    def __init__(
        self, source: Source, admit: Admit, target: Target, report: Callable[[Refused], None]
    ) -> None:
        self._source = source
        self._admit = admit
        self._target = target
        self._report = report
        self._trusted: Trusted | None = None
        self._survey = Survey((), {}, ())
        self._fault: Fault | None = None
        self._judged: dict[tuple[str, str, Digest], _Judged] = {}
        self._read: dict[str, tuple[bytes, Survey]] = {}

    @property
    def trusted(self) -> Trusted | None:
        """The commit that is followed."""
        return self._trusted

    def step(self, now: datetime, *, look: bool = True, anew: bool = False) -> Status:
        """One pass. Without `look`, git is taken as it was seen last.

        With `anew`, releases that were not admitted are looked at whatever their pause.
        """
        if anew:
            self._source.hurry()
            self._judged = {
                key: replace(each, again_at=each.again_at and now)
                for key, each in self._judged.items()
            }
        if look:
            self._look()
        try:
            observed = self._target.observe()
        except Unavailable as error:
            fault = Fault("TargetUnavailable", error.message, is_final=False)
            return self._status(now, {}, {}, {}, fault)
        wanted, faults = self._admitted(now, observed)
        if self._trusted is not None:
            held = {name for name in faults if name not in wanted}
            for action in plan(wanted, observed, held):
                self._target.perform(action)
            observed = self._target.observe()
        return self._status(now, wanted, observed, faults, self._fault)

    def _look(self) -> None:
        """Follows git as far as it is trusted, and reads what it wants if that is new."""
        try:
            trusted = self._source.follow()
            self._fault = None
        except GoldenPathError as error:
            self._fault = _git_fault(error)
            if self._trusted is not None:
                return
            try:
                trusted = self._source.last()
            except GoldenPathError:
                return  # nothing was ever trusted here; `_fault` says why nothing new is
        if self._trusted is not None and trusted.commit == self._trusted.commit:
            return
        try:
            self._survey = self._survey_of(trusted)
        except GoldenPathError as error:
            self._fault = _git_fault(error)
            return
        self._trusted = trusted

    def _survey_of(self, trusted: Trusted) -> Survey:
        """Everything that git wants; files that did not change are not parsed again."""
        files = self._source.files(trusted.commit)
        if self._trusted is None or self._trusted.platform != trusted.platform:
            self._read = {}
        for path, content in files.items():
            known = self._read.get(path)
            if known is None or known[0] != content:
                self._read[path] = (content, survey({path: content}, trusted.platform))
        self._read = {path: self._read[path] for path in sorted(files)}
        parts = [part for _, part in self._read.values()]
        return Survey(
            tuple(each for part in parts for each in part.deployments),
            {name: problem for part in parts for name, problem in part.problems.items()},
            tuple(field for part in parts for field in part.ignored),
            {name: each for part in parts for name, each in part.standing.items()},
        )

    def _admitted(
        self, now: datetime, observed: Collection[str]
    ) -> tuple[dict[str, Deployment], dict[str, Fault]]:
        """What may run, and why the rest may not, by name.

        What runs stays as it is while any release of it is still being checked.
        """
        wanted: dict[str, Deployment] = {}
        faults = {
            name: Fault("Malformed", problem, is_final=True)
            for name, problem in self._survey.problems.items()
        }
        for deployment in self._survey.deployments:
            refused: dict[Digest, Fault] = {}
            for slot in deployment.slots:
                fault = self._judge(deployment, slot.digest, now)
                if fault is not None:
                    refused[slot.digest] = fault
            part = admitted_part(deployment, refused)
            waits = any(fault.reason == UNDERWAY for fault in refused.values())
            if part is not None and not (waits and deployment.name in observed):
                wanted[deployment.name] = part
            if refused:
                faults[deployment.name] = next(iter(refused.values()))
        return wanted, faults

    def _judge(self, deployment: Deployment, digest: Digest, now: datetime) -> Fault | None:
        """Why the release may not run in the stage; verified once per platform file."""
        if self._trusted is None:
            return Fault("NotTrusted", "no commit of the gitops repository is trusted", False)
        key = (deployment.stage, deployment.model, digest)
        platform = self._trusted.platform
        before = self._judged.get(key)
        known = before if before is not None and before.platform == platform else None
        if known is not None and (known.again_at is None or now < known.again_at):
            return known.fault
        try:
            fault = self._verify(deployment, digest, now)
        except Underway as error:
            # A verdict that is looked at anew stands until there is another one.
            first = _Judged(platform, Fault(UNDERWAY, error.message, False), now, timedelta(0))
            self._judged[key] = replace(known or first, again_at=now)
            return self._judged[key].fault
        pause = min(max(known.pause * 2, ASK_AGAIN), LONGEST_PAUSE) if known else ASK_AGAIN
        # Evidence may still arrive; a refusal is looked at again, though git need not change.
        self._judged[key] = _Judged(platform, fault, now + pause if fault else None, pause)
        if fault is not None and fault.is_final and (before is None or before.fault != fault):
            finding = Finding("admission", "fail", fault.message)
            commit = self._trusted.commit
            self._report(Refused(deployment.stage, deployment.model, digest, commit, (finding,)))
        return fault

    def _verify(self, deployment: Deployment, digest: Digest, now: datetime) -> Fault | None:
        assert self._trusted is not None  # noqa: S101 - the caller's first line
        try:
            standing = self._survey.standing.get(deployment.name)
            glass = standing.glass if standing is not None else None
            findings = self._admit(self._trusted.platform, deployment, digest, now, glass)
        except Underway:
            raise
        except (VerificationError, InvalidInput) as error:
            return _refusal(digest, error.message)
        except GoldenPathError as error:
            return Fault("NotVerified", error.message, is_final=False)
        failed = [finding for finding in findings if finding.status == "fail"]
        if not failed:
            return None
        words = "; ".join(f"{finding.check}: {finding.message}" for finding in failed)
        return _refusal(digest, words)

    def _status(
        self,
        now: datetime,
        wanted: Mapping[str, Deployment],
        observed: Mapping[str, Running],
        faults: Mapping[str, Fault],
        fault: Fault | None,
    ) -> Status:
        since = now.isoformat()
        declared = {each.name: each for each in self._survey.deployments}
        names = sorted({*declared, *self._survey.problems, *observed})
        deployments = tuple(
            describe(
                name,
                declared.get(name),
                observed.get(name),
                faults.get(name),
                since,
                marks(self._survey.standing.get(name), now),
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
                agreed="git is followed as far as it is trusted",
            ),
            ignored=self._survey.ignored,
            marks=freezes(self._trusted.platform, now) if self._trusted else (),
        )


def summary(status: DeploymentStatus) -> str:
    """One line about a deployment: its state and, if it is not ready, why."""
    ready = next(each for each in status.conditions if each.type == "Ready")
    shares = ", ".join(f"{slot.digest[:19]} {slot.percent}%" for slot in status.running)
    return f"{status.name}: {status.phase}" + (f" ({shares})" if shares else "") + (
        "" if ready.holds else f": {ready.message}"
    )  # fmt: skip


def _refusal(digest: Digest, words: str) -> Fault:
    return Fault("AdmissionRefused", f"{digest.short} is not admitted: {words}", is_final=True)


def _git_fault(error: GoldenPathError) -> Fault:
    if isinstance(error, Unavailable):
        return Fault("GitUnavailable", error.message, is_final=False)
    if isinstance(error, VerificationError):
        return Fault("CommitNotTrusted", error.message, is_final=True)
    return Fault("GitNotReadable", error.message, is_final=True)
