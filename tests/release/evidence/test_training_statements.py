"""Statements of a training run: valid for others, and the same values when read back."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.project.spec import PythonModel
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.keys import key_from_pem, public_pem
from goldenpath.release.attest.policy import Policy, Verified
from goldenpath.release.attest.statement import (
    EVIDENCE,
    METRICS,
    PROVENANCE,
    SBOM,
    TEST_RESULT,
    Statement,
)
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.system_packages import (
    SystemPackage,
    installed_packages,
    parse_status,
)
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    metrics_of,
    origin_of,
    packages_of,
    statements,
)
from tests.audit.made import contract
from tests.release.attest.releases import NOW, bench
from tests.release.attest.runs import BUILDER, REMOTE, training_run

SUBJECTS = (Digest.of(b"image"), Digest.of(b"modelpack"))
SYSTEM = (SystemPackage("libc6", "2.36-9+deb12u9", "amd64", "glibc", "debian-12"),)


def _statement(kind: str) -> Statement:
    made = statements(
        training_run(),
        SUBJECTS,
        builder=BUILDER,
        version="1.4.0",
        documents={"card.md": Digest.of(b"card")},
        system=SYSTEM,
    )
    return next(each for each in made if each.predicate_type == kind)


def _verified() -> Verified:
    it = bench()
    for each in statements(training_run(), (it.image.digest,), builder=BUILDER):
        attach(it.store, it.image, each, it.signer, now=NOW)
    policy = Policy((key_from_pem("release", public_pem(it.signer)),), EVIDENCE)
    return verify(it.store, it.image.digest, policy, now=NOW)


def test_a_build_makes_every_statement_that_a_policy_requires() -> None:
    made = statements(training_run(), SUBJECTS, builder=BUILDER)

    assert tuple(each.predicate_type for each in made) == EVIDENCE
    assert all(each.subjects == SUBJECTS for each in made)


def test_the_bill_of_materials_is_valid_and_the_same_twice() -> None:
    bill = _statement(SBOM)

    text = json.dumps(bill.predicate)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    references = re.findall(r'"bom-ref": "([^"]*)"', text)
    assert len(references) == len(set(references))
    assert bill.render() == _statement(SBOM).render()


def test_the_bill_of_materials_names_model_data_and_packages() -> None:
    bill = json.loads(json.dumps(_statement(SBOM).predicate))

    model = bill["metadata"]["component"]
    purls = [each.get("purl") for each in bill["components"]]
    measured = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": SUBJECTS[0].hex}]
    assert "pkg:pypi/numpy@2.3.5%2Blocal" in purls
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12" in purls
    [numpy] = [each for each in bill["components"] if each["name"] == "numpy"]
    library, part = numpy["components"]
    assert (library["name"], library["hashes"][0]["alg"]) == ("libgfortran", "SHA-256")
    assert (part["purl"], "hashes" in part) == ("pkg:cargo/aho-corasick@1.1.5", False)
    assert measured[0]["confidenceInterval"] == {"lowerBound": "0.76", "upperBound": "0.78"}
    assert measured[1]["slice"] == "sex=2"
    assert "confidenceInterval" not in measured[1]


@pytest.mark.parametrize(
    ("python", "architecture"), [(None, "ONNX"), (PythonModel("scoring:load"), "Python code")]
)
def test_the_bill_of_materials_names_the_kind_of_model(
    python: PythonModel | None, architecture: str
) -> None:
    made = statements(
        training_run(), SUBJECTS, builder=BUILDER, contract=replace(contract(), python=python)
    )

    [bill] = [json.loads(each.render()) for each in made if each.predicate_type == SBOM]

    card = bill["predicate"]["metadata"]["component"]["modelCard"]
    assert card["modelParameters"]["modelArchitecture"] == architecture


def test_provenance_has_what_slsa_requires() -> None:
    predicate = json.loads(json.dumps(_statement(PROVENANCE).predicate))

    definition = predicate["buildDefinition"]
    assert definition["buildType"] == "https://goldenpath.example/build/train/v1"
    assert definition["externalParameters"]["repository"] == REMOTE
    assert {"gitCommit": "a" * 40} in [
        each["digest"] for each in definition["resolvedDependencies"]
    ]
    assert predicate["runDetails"]["builder"]["id"] == BUILDER


def test_a_failed_check_makes_a_failed_test_result() -> None:
    run = training_run()
    run = replace(run, checks=(replace(run.checks[0], passed=False), *run.checks[1:]))
    made = statements(run, SUBJECTS, builder=BUILDER)

    result = next(each.predicate for each in made if each.predicate_type == TEST_RESULT)

    assert result["result"] == "FAILED"
    assert result["failedTests"] == ["lint"]


def test_evidence_is_read_back_as_it_was_recorded() -> None:
    run, verified = training_run(), _verified()

    assert metrics_of(verified) == run.metrics
    assert datasets_of(verified) == run.datasets
    assert checks_of(verified) == run.checks
    assert [package.name for package in packages_of(verified)] == ["joblib", "numpy", "plain"]
    evaluation, origin = evaluation_of(verified), origin_of(verified)
    assert evaluation is not None
    assert evaluation.thresholds_digest == run.thresholds_digest
    assert origin is not None
    assert (origin.repository, origin.commit, origin.seed) == (REMOTE, "a" * 40, 7)
    assert dict(origin.parameters) == dict(run.parameters)
    assert origin.materials["panel"] == run.datasets[0].digest


def test_without_evidence_there_is_nothing_to_read() -> None:
    nothing = Verified(SUBJECTS[0], (), ())

    assert not metrics_of(nothing)
    assert not datasets_of(nothing)
    assert not checks_of(nothing)
    assert not packages_of(nothing)
    assert origin_of(nothing) is None


@pytest.mark.parametrize("more", [{"rows": "many"}, {"thresholds_digest": None}])
def test_metrics_of_another_shape_are_an_error_and_not_missing(more: dict[str, JsonValue]) -> None:
    it = bench()
    predicate: dict[str, JsonValue] = {"metrics": [{"name": "roc_auc", "value": 0.7}], **more}
    attach(
        it.store, it.image, Statement((it.image.digest,), METRICS, predicate), it.signer, now=NOW
    )
    policy = Policy((key_from_pem("release", public_pem(it.signer)),), (METRICS,))

    with pytest.raises(VerificationError, match="cannot be read: its content has 8 faults"):
        metrics_of(verify(it.store, it.image.digest, policy, now=NOW))


def test_not_a_number_is_written_as_null() -> None:
    run = training_run()
    run = replace(run, metrics=(replace(run.metrics[0], low=float("nan"), high=float("inf")),))

    made = statements(run, SUBJECTS, builder=BUILDER)

    assert all(b"NaN" not in each.render() for each in made)


def test_packages_of_the_system_are_read_from_dpkg(tmp_path: Path) -> None:
    status = (
        "Package: libc6\nStatus: install ok installed\nSource: glibc (2.36)\nVersion: 2.36-9\n"
        "Architecture: amd64\nDescription: C library\n more\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    (tmp_path / "status").write_text(status)
    (tmp_path / "release").write_text('ID=debian\nVERSION_ID="12"\n')

    assert installed_packages(tmp_path / "status", tmp_path / "release") == (
        SystemPackage("libc6", "2.36-9", "amd64", "glibc", "debian-12"),
    )
    assert installed_packages(tmp_path / "absent", tmp_path / "release") == ()
    assert parse_status("", "debian-12") == ()
