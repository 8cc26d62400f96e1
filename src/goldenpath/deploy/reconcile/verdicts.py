"""Verdicts on releases: may they run in the stage where a commit declares them?

The bytes behind a digest never change, but the statements about a digest grow: approvals and the
decision are attached later. So a verdict belongs to one version of a deployment's files. Only
evidence that was read after that version was first seen here may refuse the release.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenpath.backoff import longer_pause
from goldenpath.deploy.reconcile.status import StallReason
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.promote.manifests.deployment_files import (
    Survey,
    by_folder,
    deployment_folder,
    release_path,
)
from goldenpath.promote.manifests.desired import Deployment, Restrictions
from goldenpath.promote.manifests.placement import parse_placement
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.release.attest.policy import Finding
from goldenpath.times import ElapsedTime

ASK_AGAIN = timedelta(seconds=5)
"""First pause before a refused release is checked again; it doubles each time."""
LONGEST_PAUSE = timedelta(minutes=10)
FIRST_WAIT = timedelta(seconds=0.5)
"""First pause before a store is asked again that did not answer, or that lacked evidence which a
commit names; it doubles each time."""
LONGEST_WAIT = timedelta(seconds=5)
"""Longest pause while evidence that a commit names may still arrive."""
LONGEST_OUTAGE = timedelta(minutes=1)
"""Longest pause while a store does not answer."""
PATIENCE = timedelta(seconds=30)
"""How long evidence that a commit names may still arrive after the commit was first seen."""
UNDERWAY = "Verifying"
"""Reason of the condition while a release is being checked."""
TODAY = "today"
"""The finding about what runs and would not pass the rules of today. It stops nothing."""
AWAITED = "EvidenceAwaited"
"""Reason of the condition while a release waits for evidence that the commit names."""


class Underway(Unavailable):
    """The checks of a release run in another thread; the loop asks again in its next step."""


@dataclass(frozen=True, slots=True)
class AdmissionQuestion:
    """The question whether a release may run in a stage, asked for a commit."""

    at: datetime
    """The time of the current step."""
    asked_at: datetime
    """The time when it was asked first."""
    step: int
    """Number of the step in which it was asked first. Evidence read before does not answer it."""
    break_glass: BreakGlass | None = None
    """The open break-glass record of the deployment, if there is one."""
    named: tuple[Digest, ...] = ()
    """Envelopes that the commit names: the decision and the approvals."""
    commit: str = ""
    """The trusted commit. Its history shows how the release entered the stage."""
    asked_after: float = 0.0
    """When it was asked first, in seconds that passed since the process began."""


@dataclass(frozen=True, slots=True)
class AdmissionAnswer:
    """The findings from evidence that was read after the question was asked."""

    findings: tuple[Finding, ...]
    missing: tuple[Digest, ...] = ()
    """Envelopes that the commit relies on and that were not found."""


Admit = Callable[[Platform, Deployment, Digest, AdmissionQuestion], AdmissionAnswer]
"""Checks one release for one stage, as `goldenpath.deploy.reconcile.admission` does.

Raises `Underway` if they take longer than the loop has time for.
"""


@dataclass(frozen=True, slots=True)
class RefusedRelease:
    """A release that git declares was refused. Nothing of it was loaded."""

    stage: str
    model: str
    digest: Digest
    commit: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Version:
    """The files of a deployment, and when this process first saw them."""

    files: Mapping[str, bytes]
    """The content of each file, by path."""
    release: bytes | None
    seen: datetime
    seen_after: float
    """The same in seconds that passed since the process began."""

    def named(self, digest: Digest) -> tuple[Digest, ...] | None:
        """Return the envelopes that the release file names; None if it is about another release."""
        try:
            placement = parse_placement(self.release) if self.release is not None else None
        except InvalidInput:
            return None  # `status` reports the unreadable file; the evidence decides
        if placement is None or placement.digest != digest:
            return None
        decision = () if placement.decision is None else (placement.decision,)
        return (*decision, *placement.approvals)


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The verdict on one release in one stage, under one platform file and version."""

    platform: Platform
    version: _Version
    named: tuple[Digest, ...]
    fault: StallReason | None
    """Why the release may not run; None if it is admitted."""
    remark: str = ""
    """What is to be known about a release that is admitted; empty for nothing."""
    question: AdmissionQuestion | None = None
    """The question that is not answered yet; None if there is none."""
    again_after: float | None = None
    """When it is checked again although nothing changed, in seconds that passed; None for never."""
    pause: timedelta = timedelta(0)

    def is_due(self, elapsed: float) -> bool:
        """Whether it must be asked now: a question is open, or the pause is over."""
        is_over = self.again_after is not None and self.again_after <= elapsed
        return self.question is not None or is_over


_Key = tuple[str, str, Digest]


class Verdicts:
    """Asks about each release that git declares, and keeps each answer while it is valid.

    An admission is valid until the platform file changes or a commit names other evidence for the
    release. A refusal is valid until the files of its deployment change. It is also checked again
    by itself, at growing intervals, since evidence may still arrive.
    """

    def __init__(
        self, admit: Admit, report: Callable[[RefusedRelease], None], patience: timedelta = PATIENCE
    ) -> None:
        self._admit = admit
        self._report = report
        self._patience = patience
        self._step = 0
        self._elapsed = ElapsedTime()
        self._trusted: Trusted | None = None
        self._standing: Mapping[str, Restrictions] = {}
        self._versions: dict[str, _Version] = {}
        self._verdicts: dict[_Key, _Verdict] = {}
        self._reported: dict[_Key, tuple[_Version, str]] = {}

    def begin_step(self) -> None:
        """Begin a step of the loop. Its questions need evidence that is read from now on."""
        self._step += 1

    def follow(
        self, trusted: Trusted, survey: Survey, files: Mapping[str, bytes], now: datetime
    ) -> None:
        """Take over the files of a commit. Unchanged files keep their first-seen time.

        What is known of releases that the commit no longer declares is dropped.
        """
        self._trusted, self._standing = trusted, survey.standing
        versions: dict[str, _Version] = {}
        folders = by_folder(files)
        for deployment in survey.deployments:
            paths = folders.get(deployment_folder(deployment.stage, deployment.model), ())
            own, known = {path: files[path] for path in paths}, self._versions.get(deployment.name)
            if known is None or known.files != own:
                release = files.get(release_path(deployment.stage, deployment.model))
                known = _Version(own, release, now, self._elapsed.at(now))
            versions[deployment.name] = known
        self._versions = versions
        declared = {
            (each.stage, each.model, slot.digest)
            for each in survey.deployments
            for slot in each.releases
        }
        # Without this the memory would grow with every release that ever was.
        self._verdicts = {key: each for key, each in self._verdicts.items() if key in declared}
        self._reported = {key: each for key, each in self._reported.items() if key in declared}

    def ask_again(self, now: datetime) -> None:
        """Let every release that was not admitted be checked again, whatever its pause."""
        elapsed = self._elapsed.at(now)
        self._verdicts = {
            key: each if each.again_after is None else replace(each, again_after=elapsed)
            for key, each in self._verdicts.items()
        }

    def fault(self, deployment: Deployment, digest: Digest, now: datetime) -> StallReason | None:
        """Return why the release may not run in the stage, or not yet; None if it may."""
        if self._trusted is None:
            return StallReason("NotTrusted", "no commit of the gitops repository is trusted", False)
        key = (deployment.stage, deployment.model, digest)
        version = self._versions[deployment.name]
        known = self._still_standing(key, version)
        elapsed = self._elapsed.at(now)
        if known is not None and not known.is_due(elapsed):
            return known.fault
        question = known.question if known is not None else None
        question = replace(question or self._question(deployment, digest, now), at=now)
        pause = known.pause if known is not None else timedelta(0)
        try:
            fault, remark = self._asked(deployment, digest, question, version)
        except Underway as error:
            # While a release is checked again, its verdict before stays valid.
            fault = (
                known.fault if known is not None else StallReason(UNDERWAY, error.message, False)
            )
            self._verdicts[key] = _Verdict(
                self._trusted.platform,
                version,
                question.named,
                fault,
                known.remark if known is not None else "",
                question,
                pause=pause,
            )
            return fault
        pause = _next_pause(pause, fault)
        again = elapsed + pause.total_seconds() if fault else None
        self._verdicts[key] = _Verdict(
            self._trusted.platform,
            version,
            question.named,
            fault,
            remark,
            again_after=again,
            pause=pause,
        )
        self._report_once(key, version, fault)
        return fault

    def remarks(self, deployment: Deployment) -> tuple[str, ...]:
        """Return what is to be known about the releases of a deployment that may run."""
        keys = ((deployment.stage, deployment.model, slot.digest) for slot in deployment.slots)
        known = ((key[2], self._verdicts.get(key)) for key in keys)
        return tuple(
            f"{digest.short} {verdict.remark}"
            for digest, verdict in known
            if verdict is not None and verdict.remark
        )

    def _question(self, deployment: Deployment, digest: Digest, now: datetime) -> AdmissionQuestion:
        standing = self._standing.get(deployment.name)
        break_glass = standing.break_glass if standing is not None else None
        named = self._versions[deployment.name].named(digest) or ()
        commit = self._trusted.commit if self._trusted is not None else ""
        return AdmissionQuestion(
            now, now, self._step, break_glass, named, commit, self._elapsed.at(now)
        )

    def _still_standing(self, key: _Key, version: _Version) -> _Verdict | None:
        """Return the verdict before, or None if it no longer answers for these files."""
        known, trusted = self._verdicts.get(key), self._trusted
        if known is None or trusted is None or known.platform != trusted.platform:
            return None
        # Identity and not equality: `follow` keeps the object of unchanged files.
        if known.version is version:
            return known
        # Only an admission outlives a change of the files. A refusal is asked again at once, since
        # the change may be its cure.
        if known.fault is not None or known.question is not None:
            return None
        named = version.named(key[2])
        if named is not None and named != known.named:
            return None
        kept = replace(known, version=version)
        self._verdicts[key] = kept
        return kept

    def _asked(
        self, deployment: Deployment, digest: Digest, question: AdmissionQuestion, version: _Version
    ) -> tuple[StallReason | None, str]:
        """Return the answer as a fault, None if the release is admitted, and a remark."""
        assert self._trusted is not None  # noqa: S101 - `fault` asks nothing otherwise
        try:
            answer = self._admit(self._trusted.platform, deployment, digest, question)
        # Before the general case: it is no failure, and must not be reported as one.
        except Underway:
            raise
        except (VerificationError, InvalidInput) as error:
            return _refusal(digest, error.message), ""
        except GoldenPathError as error:
            return StallReason("NotVerified", error.message, is_final=False), ""
        failed = [finding for finding in answer.findings if finding.status == "fail"]
        if not failed:
            remarks = (each.message for each in answer.findings if each.check == TODAY)
            return None, next(remarks, "")
        # A commit often arrives before its evidence: git and the registry are two systems.
        patience_ends = version.seen_after + self._patience.total_seconds()
        if answer.missing and question.asked_after < patience_ends:
            return _awaited(digest, answer.missing, version.seen + self._patience), ""
        reasons = "; ".join(f"{finding.check}: {finding.message}" for finding in failed)
        if answer.missing:
            reasons += f"; the store has no {_listed(answer.missing)}, which the commit relies on"
        return _refusal(digest, reasons), ""

    def _report_once(self, key: _Key, version: _Version, fault: StallReason | None) -> None:
        """Report a refusal once for each version of the files and each reason."""
        if fault is None or not fault.is_final or self._trusted is None:
            return
        if self._reported.get(key) == (version, fault.message):
            return
        self._reported[key] = (version, fault.message)
        stage, model, digest = key
        finding = Finding("admission", "fail", fault.message)
        self._report(RefusedRelease(stage, model, digest, self._trusted.commit, (finding,)))


def _next_pause(before: timedelta, fault: StallReason | None) -> timedelta:
    if fault is None:
        return timedelta(0)
    if fault.is_final:
        least, most = ASK_AGAIN, LONGEST_PAUSE
    else:
        least, most = FIRST_WAIT, LONGEST_WAIT if fault.reason == AWAITED else LONGEST_OUTAGE
    return longer_pause(before, first=least, longest=most)


def _refusal(digest: Digest, reasons: str) -> StallReason:
    message = f"{digest.short} is not admitted: {reasons}"
    return StallReason("AdmissionRefused", message, is_final=True, is_retried=True)


def _awaited(digest: Digest, missing: tuple[Digest, ...], until: datetime) -> StallReason:
    message = (
        f"{digest.short} waits for {_listed(missing)}, which the commit relies on and the store "
        f"does not have yet; it is refused if that has not arrived by {until:%H:%M:%S}"
    )
    return StallReason(AWAITED, message, is_final=False)


def _listed(digests: tuple[Digest, ...]) -> str:
    shown = ", ".join(each.short for each in digests[:3])
    return shown if len(digests) <= 3 else f"{shown} and {len(digests) - 3} more"
