"""The digest of the bundle covers everything that a report can say."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from goldenpath.audit.events.log_state import LogState, LogStates
from goldenpath.audit.report.control_map import current_map, parse_map
from goldenpath.audit.report.evidence_bundle import (
    CalibrationBin,
    EvidenceBundle,
    FindingEnd,
    LogSummary,
    LostStatement,
    NotedAdvisory,
    RecordedOverride,
)
from goldenpath.audit.report.report import inputs_digest
from goldenpath.digest import Digest
from goldenpath.promote.gates.test_sets.data_looks import DataLook, LookedAtData, LookLedger
from goldenpath.release.attest.statement import APPROVAL
from tests.audit.made import bundle_of, make_release

NOT_SHOWN = {
    "verified.present",  # only says which statements are lost, and these are covered
    "verified.findings.cure",
    "predecessor.present",
    "predecessor.findings.cure",
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> EvidenceBundle:
    made = bundle_of(make_release(tmp_path_factory.mktemp("release")))
    return replace(
        made,
        predecessor=made.verified,
        logs=LogStates(LogState("damaged", ("line 3",), "held"), LogState("whole", (), "held")),
        lost=(LostStatement(Digest.of(b"lost"), (APPROVAL,), "the decision"),),
        monitored=("prod",),
        calibration=(CalibrationBin(0.1, 0.1, 0.0, 0.2, 100),),
        overrides=(RecordedOverride("t", "prod", "credit", "p", "officer", "slip", "manager"),),
        advisories=(NotedAdvisory("a", "prod", "high", "it", "t", "o", "d", is_overdue=False),),
        ends=(FindingEnd("drift-1", "t", "manager", "nobody signed it"),),
        looks=LookLedger(
            datetime.fromisoformat(made.as_of),
            (LookedAtData("sha256:d", ("d",), (DataLook(made.digest, "t", 9),)),),
            ("a gap",),
        ),
        predictions=LogSummary(1, "2026-11-22T13:01:00Z", "2026-11-22T13:01:00Z", 0),
    )


def changes(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield the value with each of its leaves changed in turn, and the path of the leaf."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Digest):
        for field in dataclasses.fields(value):
            where = f"{path}.{field.name}".lstrip(".")
            for leaf, changed in changes(getattr(value, field.name), where):
                yield leaf, _with(value, field.name, changed)
    elif isinstance(value, tuple) and value:
        yield f"{path}[less]", value[:-1]
        for leaf, changed in changes(value[0], path):
            yield leaf, (changed, *value[1:])
    elif isinstance(value, Mapping) and value:
        first = next(iter(value))
        yield f"{path}[less]", {name: each for name, each in value.items() if name != first}
        yield f"{path}[name]", {f"{name}x": each for name, each in value.items()}
        for leaf, changed in changes(value[first], path):
            yield leaf, {**value, first: changed}
    else:
        yield path, _other(value)


def _with(value: object, name: str, changed: object) -> object:
    return replace(value, **{name: changed})  # type: ignore[type-var]


def _other(value: object) -> object:
    match value:
        case Digest():
            return Digest.of(value.text.encode())
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value}x"
        case bytes():
            return value + b"x"
        case datetime():
            return value + timedelta(seconds=1)
        case None:
            return "x"
        case tuple():
            return ("x",)
    return {"x": "y"}


def test_every_input_of_the_report_changes_the_digest(bundle: EvidenceBundle) -> None:
    root, tried, same = bundle.root, 0, []
    for path, changed in changes(bundle, ""):
        assert isinstance(changed, EvidenceBundle)
        name = path.partition("[")[0]
        if name in NOT_SHOWN or _is_impossible(name):
            continue
        tried += 1
        if changed.root == root:
            same.append(path)

    assert tried > 70
    assert same == []


def _is_impossible(name: str) -> bool:
    """Empty members of another type than text or number, which no report has."""
    return name in {"history.glass", "verified.statements.statement.signed_at", "events.details"}


def test_the_map_changes_the_digest_of_the_inputs(bundle: EvidenceBundle) -> None:
    content = b"version: 1\ncelex: c\nlaw: l\nnote: n\nsections: {'0': s}\nfields: []\n"
    other = parse_map(content).digest

    assert inputs_digest(bundle, other) != inputs_digest(bundle, current_map().digest)


def test_every_member_is_walked(bundle: EvidenceBundle) -> None:
    walked = {path.partition("[")[0].partition(".")[0] for path, _ in changes(bundle, "")}

    assert walked == {each.name for each in dataclasses.fields(EvidenceBundle)}
