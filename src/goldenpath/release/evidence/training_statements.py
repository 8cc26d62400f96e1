"""Writes a training run as statements, and reads statements back as values.

Other modules use these values and never parse the JSON of a statement.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.typed import typed
from goldenpath.project.spec import Contract
from goldenpath.release.attest.policy import (
    NO_JOB,
    JobIdentity,
    SignedStatement,
    Verified,
    newest_of,
)
from goldenpath.release.attest.statement import (
    DATASET,
    METRICS,
    PROVENANCE,
    SBOM,
    TEST_RESULT,
    Statement,
    member,
)
from goldenpath.release.evidence.contributions import Contributions
from goldenpath.release.evidence.provenance import Origin, provenance, read_provenance
from goldenpath.release.evidence.sbom import sbom
from goldenpath.release.evidence.system_packages import SystemPackage
from goldenpath.train.training_run import Check, Dataset, Golden, Metric, Package, TrainingRun

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EvaluationStatement:
    """The measurements of a release, and the limits by which it is judged."""

    metrics: tuple[Metric, ...]
    thresholds_digest: str
    thresholds_committed_at: str
    started_at: str
    """When the run began. Limits that were written later prove nothing."""
    rows: int
    largest_skew: float
    """Largest difference between the scores of the training code and of the packaged model."""
    rows_digest: str = ""
    """Digest of the evaluation rows, if they are attached to the release."""
    rows_size: int = 0
    golden: Golden | None = None
    """Rows and scores that a server checks when it loads the model."""


def statements(
    run: TrainingRun,
    subjects: Sequence[Digest],
    *,
    builder: str,
    version: str = "",
    contract: Contract | None = None,
    documents: Mapping[str, Digest] | None = None,
    system: Sequence[SystemPackage] = (),
    contributions: Contributions | None = None,
    job: JobIdentity = NO_JOB,
) -> tuple[Statement, ...]:
    """Return all statements of a build; the first of `subjects` is the image manifest.

    `documents` are the packed texts of people, by path. `system` are the packages of the machine
    (`goldenpath.release.evidence.system_packages.installed_packages`), `contributions` who wrote
    which part of the project.
    """
    texts = documents or {}
    bill = sbom(run, subjects, version=version, contract=contract, system=system, documents=texts)
    predicates: dict[str, Mapping[str, JsonValue]] = {
        PROVENANCE: provenance(
            run, builder=builder, documents=texts, contributions=contributions, job=job
        ),
        SBOM: bill,
        DATASET: {"datasets": _plain(run.datasets)},
        METRICS: _evaluation(run),
        TEST_RESULT: _results(run),
    }
    return tuple(
        Statement(tuple(subjects), kind, predicate) for kind, predicate in predicates.items()
    )


def origin_of(verified: Verified) -> Origin | None:
    """Return the origin of the release; None without valid provenance."""
    signed = newest(verified, PROVENANCE)
    return None if signed is None else read_provenance(signed.statement.predicate)


def evaluation_of(verified: Verified) -> EvaluationStatement | None:
    """Return the measurements; None without valid metrics."""
    signed = newest(verified, METRICS)
    if signed is None:
        return None
    return _typed(signed, dict(signed.statement.predicate), EvaluationStatement)


def metrics_of(verified: Verified) -> tuple[Metric, ...]:
    """Return every metric; none without valid metrics."""
    evaluation = evaluation_of(verified)
    return () if evaluation is None else evaluation.metrics


def datasets_of(verified: Verified) -> tuple[Dataset, ...]:
    """Return every data set that the build read; none without a valid statement."""
    signed = newest(verified, DATASET)
    if signed is None:
        return ()
    return _typed(signed, signed.statement.predicate.get("datasets"), tuple[Dataset, ...])


def checks_of(verified: Verified) -> tuple[Check, ...]:
    """Return the checks of the build; none without a valid test result."""
    signed = newest(verified, TEST_RESULT)
    if signed is None:
        return ()
    return _typed(signed, signed.statement.predicate.get("checks"), tuple[Check, ...])


def packages_of(verified: Verified) -> tuple[Package, ...]:
    """Return the Python packages by name; none without a valid bill of materials."""
    signed = newest(verified, SBOM)
    listed = None if signed is None else signed.statement.predicate.get("components")
    packages = [
        Package(_string(each, "name"), _string(each, "version"), _hashes(each), _licence(each))
        for each in (listed if isinstance(listed, list) else [])
        if _string(each, "purl").startswith("pkg:pypi/")
    ]
    return tuple(sorted(packages, key=lambda package: package.name))


def newest(verified: Verified, predicate_type: str) -> SignedStatement | None:
    """Return the newest statement of a type. A release that was built twice has two of them."""
    return newest_of(verified.statements, predicate_type)


def _evaluation(run: TrainingRun) -> Mapping[str, JsonValue]:
    value = EvaluationStatement(
        metrics=run.metrics,
        thresholds_digest=run.thresholds_digest,
        thresholds_committed_at=run.thresholds_committed_at,
        started_at=run.started_at,
        rows=run.rows_evaluated,
        largest_skew=run.largest_skew,
        rows_digest=run.rows_digest,
        rows_size=run.rows_size,
        golden=run.golden,
    )
    plain = _plain(value)
    return {"version": 1, "level": 0.95, **(plain if isinstance(plain, dict) else {})}


def _results(run: TrainingRun) -> Mapping[str, JsonValue]:
    """Return an in-toto test result v0.1; its extra member `checks` has the details."""
    passed: list[JsonValue] = [check.name for check in run.checks if check.passed]
    failed: list[JsonValue] = [check.name for check in run.checks if not check.passed]
    thresholds: list[JsonValue] = []
    if run.thresholds_digest:
        digest = {"sha256": Digest(run.thresholds_digest).hex}
        thresholds = [{"name": "compliance/thresholds.yaml", "digest": dict(digest)}]
    return {
        "result": "FAILED" if failed else "PASSED",
        "configuration": thresholds,
        "passedTests": passed,
        "warnedTests": [],
        "failedTests": failed,
        "checks": _plain(run.checks),
    }


def _plain(value: object) -> JsonValue:
    return _finite(msgspec.to_builtins(value))


def _finite(value: object) -> JsonValue:
    """Return the value with null for NaN and infinities, which JSON does not have."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {str(key): _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case None | bool() | int() | str():
            return value
    raise TypeError(f"{type(value)} in a record")


def _typed(signed: SignedStatement, value: JsonValue, kind: type[_T]) -> _T:
    try:
        return typed(value, kind, "its content")
    except InvalidInput as error:
        kind_name = signed.statement.predicate_type
        raise VerificationError(f"statement {kind_name} cannot be read: {error.message}") from error


def _string(value: JsonValue, name: str) -> str:
    text = member(value, name)
    return text if isinstance(text, str) else ""


def _hashes(component: JsonValue) -> tuple[str, ...]:
    listed = member(component, "hashes")
    exact = tuple(
        "sha256:" + _string(each, "content")
        for each in (listed if isinstance(listed, list) else [])
    )
    properties = member(component, "properties")
    return exact or tuple(
        _string(each, "value") for each in (properties if isinstance(properties, list) else [])
    )


def _licence(component: JsonValue) -> str:
    listed = member(component, "licenses")
    first = listed[0] if isinstance(listed, list) and listed else None
    name = member(first, "license", "name")
    return _string(first, "expression") or (name if isinstance(name, str) else "")
