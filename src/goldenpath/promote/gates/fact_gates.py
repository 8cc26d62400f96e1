"""Gates over facts: signatures, source, checks, scan, people's statements, schema, soak time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from goldenpath.project.spec import Contract, Feature
from goldenpath.project.statements import (
    StatementScene,
    document_faults,
    named_approvers,
    required_statements,
)
from goldenpath.promote.gates.approval import Approvals, shown_approvers
from goldenpath.promote.gates.champion import champion
from goldenpath.promote.gates.data_gate import Data
from goldenpath.promote.gates.declared_limits import declared_tier
from goldenpath.promote.gates.gate import TRAINING, Evidence, Gate
from goldenpath.promote.gates.measured import (
    Measured,
    calibration,
    fairness,
    robustness,
    threshold_order,
    thresholds,
)
from goldenpath.promote.gates.monitoring.findings_gate import OpenFindings
from goldenpath.promote.gates.signed_facts import signed_facts
from goldenpath.promote.gates.test_sets.looks_gate import SparinglyTested
from goldenpath.promote.platform.build_rules import build_faults
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding
from goldenpath.release.evidence.scan import faults as scan_faults
from goldenpath.release.evidence.scan import scan_of
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    origin_of,
)
from goldenpath.train.training_run import EQUALITY

_REWRITE = "change the statement in the project, commit it, and build again"
CHECKS = ("lint", "tests", "smoke training", EQUALITY)
"""The checks that every build must have run."""
MAX_SKEW = 1e-4
"""The largest allowed difference of scores between the training code and the packaged model."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The release has a signature and every required statement, by valid keys."""

    name: str = "evidence"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Return the verifier's findings as one finding."""
        failed = [f for f in evidence.verified.findings if f.status == "fail"]
        if failed:
            cure = failed[0].cure or "build the release again with the key of the build"
            return Finding(self.name, "fail", "; ".join(f.message for f in failed), cure)
        count = len(evidence.verified.statements)
        return Finding(self.name, "pass", f"signature and {count} signed statements are valid")


@dataclass(frozen=True, slots=True)
class CleanSource:
    """The release was built from a commit and nothing else, as confined as the platform demands."""

    name: str = "clean-source"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the provenance."""
        origin = origin_of(evidence.verified)
        if origin is None:
            return Finding(
                self.name, "fail", "it has no valid provenance", "build the release again"
            )
        if origin.internal.get("dirty") is not False or not origin.commit:
            return Finding(
                self.name,
                "fail",
                "the release was built from a working tree with uncommitted changes",
                "commit the changes and build again",
            )
        wrong = tuple(build_faults(evidence.platform.build, origin.internal))
        if wrong:
            return Finding(
                self.name,
                "fail",
                "; ".join(wrong),
                "build again on a machine that confines builds as [build] of platform.toml demands",
            )
        return Finding(self.name, "pass", f"built from commit {origin.commit[:12]}")


@dataclass(frozen=True, slots=True)
class TrainedHere:
    """The build trained the model itself, where the stage demands it."""

    name: str = TRAINING

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the provenance."""
        origin = origin_of(evidence.verified)
        if origin is None:
            return Finding(
                self.name, "fail", "it has no valid provenance", "build the release again"
            )
        if origin.is_observed:
            return Finding(self.name, "pass", f"trained by the build, from {origin.entry}")
        what = "the model was trained elsewhere: the build got its file and scored rows with it"
        if not evidence.platform.demands_observed(stage):
            return Finding(self.name, "pass", f"{what}; {stage.name} accepts that")
        return Finding(
            self.name,
            "fail",
            f"{what}; {stage.name} takes only models that the build trained",
            "train it by the build (training.entry), let a second person waive this gate, or set "
            f'training = "any" for {stage.name} in platform.toml',
        )


@dataclass(frozen=True, slots=True)
class Checks:
    """Lint, tests, smoke training and the equality of the export passed."""

    name: str = "checks"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the test results and the skew."""
        checks, evaluation = checks_of(evidence.verified), evaluation_of(evidence.verified)
        failed = [check for check in checks if not check.passed]
        missing = [name for name in CHECKS if name not in {check.name for check in checks}]
        if missing or evaluation is None:
            message = f"no result of {', '.join(missing) or 'the evaluation'} was recorded"
            return Finding(self.name, "fail", message, "build the release again")
        if failed:
            message = "; ".join(f"{check.name}: {check.detail}" for check in failed)
            return Finding(self.name, "fail", message, "repair the project and build again")
        skew = evaluation.largest_skew
        if not skew <= MAX_SKEW:
            return Finding(
                self.name,
                "fail",
                f"training code and packaged model differ by {skew:.2g}, "
                f"{skew - MAX_SKEW:.2g} more than the {MAX_SKEW:g} allowed",
                "repair the export of the model and build again",
            )
        names = ", ".join(check.name for check in checks)
        # A given model may come without answers to compare: then its check says so.
        detail = next(check.detail for check in checks if check.name == EQUALITY)
        origin = origin_of(evidence.verified)
        if origin is None or origin.is_observed:
            detail = f"skew {skew:.2g}, {MAX_SKEW - skew:.2g} below the limit"
        return Finding(self.name, "pass", f"{names} passed; {detail}")


@dataclass(frozen=True, slots=True)
class Scanned:
    """The release holds no pickle, secret, refused licence or known vulnerability."""

    name: str = "scan"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the scan of the build against the licences that this platform refuses."""
        scan = scan_of(evidence.verified)
        if scan is None:
            return Finding(
                self.name, "fail", "the release has no valid scan", "build the release again"
            )
        wrong = tuple(scan_faults(scan, evidence.platform.refused_licences))
        if wrong:
            cure = "take it out of the project or its packages and build again"
            return Finding(self.name, "fail", "; ".join(wrong), cure)
        known = "none known" if scan.advisories else "not scanned"
        refused = len(evidence.platform.refused_licences)
        return Finding(
            self.name,
            "pass",
            f"no pickle and no secret in {scan.files} files; "
            f"{len(scan.licences)} packages against {refused} refused licences; "
            f"vulnerabilities: {known}",
        )


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements that the tier requires of people are written, approved, in date and true."""

    name: str = "statements"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the documents inside the release, and compare them with what is signed."""
        tier, source = declared_tier(evidence.documents)
        rules = evidence.platform.statements
        datasets = {
            path.removeprefix("compliance/datasets/").removesuffix(".md")
            for path in evidence.documents
            if path.startswith("compliance/datasets/")
        }
        scene = None
        if rules.compared:
            datasets |= {each.name for each in datasets_of(evidence.verified)}
            people = evidence.platform.people
            scene = StatementScene(people, rules.demonstration, signed_facts(evidence))
        required = required_statements(tier, tuple(sorted(datasets)))
        faults = document_faults(evidence.documents, required, now, scene)
        if faults:
            cures = dict.fromkeys(fault.hint or _REWRITE for fault in faults)
            return Finding(
                self.name,
                "fail",
                "; ".join(f"{f.file} {f.key}: expected {f.expected}, got {f.got}" for f in faults),
                "; ".join(cures),
            )
        numbers = ", ".join(dict.fromkeys(each.number for each in required))
        compared = "in date and agree with what is signed" if rules.compared else "in date"
        message = f"{numbers} of the tier {tier} ({source}) are {compared}"
        named = named_approvers(evidence.documents, required)
        approved = shown_approvers(evidence.verified, named)
        return Finding(self.name, "pass", f"{message}; {approved}" if approved else message)


@dataclass(frozen=True, slots=True)
class Schema:
    """Callers of the live release can call this one without a change."""

    name: str = "schema"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Compare the contracts."""
        if evidence.live is None:
            return Finding(self.name, "not applicable", f"nothing is live in {stage.name} yet")
        breaks = tuple(_breaks(evidence.live.contract, evidence.contract))
        if breaks:
            return Finding(
                self.name,
                "fail",
                "; ".join(breaks),
                "keep the contract, or publish the model under another name",
            )
        count = len(evidence.contract.features)
        return Finding(self.name, "pass", f"accepts the {count} inputs of the live release")


@dataclass(frozen=True, slots=True)
class StageBefore:
    """The same digest was live in the previous stage for the soak time."""

    name: str = "stage-before"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check since when the release is live in the previous stage."""
        before = evidence.platform.before(stage)
        if before is None:
            return Finding(self.name, "not applicable", f"{stage.name} is the first stage")
        if evidence.before_since is None:
            return Finding(
                self.name,
                "fail",
                f"the release is not live in {before.name}",
                f"goldenpath promote {evidence.digest} --stage {before.name}",
            )
        live_for = now - evidence.before_since
        left = stage.soak - live_for
        if left > timedelta(0):
            return Finding(
                self.name,
                "fail",
                f"live in {before.name} for {_span_text(live_for)}, "
                f"{_span_text(left)} short of the soak",
                f"wait until {(now + left).isoformat(timespec='seconds')}",
            )
        return Finding(
            self.name,
            "pass",
            f"live in {before.name} for {_span_text(live_for)}, {_span_text(-left)} over",
        )


GATES: tuple[Gate, ...] = (
    Signed(),
    CleanSource(),
    TrainedHere(),
    Checks(),
    Scanned(),
    Measured("thresholds", thresholds),
    Measured("threshold-order", threshold_order),
    Measured("calibration", calibration),
    Measured("fairness", fairness),
    Measured("robustness", robustness),
    Statements(),
    Data(),
    Schema(),
    Measured("champion", champion),
    StageBefore(),
    OpenFindings(),
    SparinglyTested(),
    Approvals(),
)
"""Every built-in gate; a stage names those that it asks."""


def _breaks(live: Contract, new: Contract) -> Iterator[str]:
    before = [feature.name for feature in live.features]
    after = [feature.name for feature in new.features]
    if before != after:
        gone, added = sorted(set(before) - set(after)), sorted(set(after) - set(before))
        detail = f"without {', '.join(gone)}" if gone else f"with {', '.join(added)}"
        yield f"inputs differ: {detail if gone or added else 'in another order'}"
        return
    for old, feature_now in zip(live.features, new.features, strict=True):
        yield from _narrowings(old, feature_now)
    if (live.task, live.classes) != (new.task, new.classes):
        yield f"answers differ: {_task_text(live)} before, {_task_text(new)} now"
    if (live.value.unit if live.value else "") != (new.value.unit if new.value else ""):
        yield "the unit of the value differs"
    if (live.input_tensor, live.output) != (new.input_tensor, new.output):
        yield f"names differ: {live.input_tensor} and {live.output}"


def _narrowings(old: Feature, feature_now: Feature) -> Iterator[str]:
    """Yield what a feature accepted before and does not accept now."""
    if old.kind != feature_now.kind:
        yield f"{feature_now.name} was a {old.kind} and is a {feature_now.kind}"
    if old.part != feature_now.part:
        yield f"{feature_now.name} is another part of a feature"
    if old.bytes > feature_now.bytes and old.name == f"{old.part_of}_0":
        yield f"{old.part_of} accepts {feature_now.bytes} bytes, and {old.bytes} before"
    if old.missing and not feature_now.missing:
        yield f"{feature_now.name} may no longer be missing"
    if set(old.categories) - set(feature_now.categories):
        yield f"{feature_now.name} accepts fewer categories"
    if set(_labels(old)) - set(_labels(feature_now)):
        yield f"{feature_now.name} no longer accepts some labels, or gives them other codes"


def _labels(feature: Feature) -> Iterator[tuple[str, float]]:
    return zip(feature.labels, feature.codes, strict=False)


def _task_text(contract: Contract) -> str:
    return f"{contract.task} {', '.join(contract.classes)}".strip()


def _span_text(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds} seconds"
