"""Differences of releases: what changed, and how well each side is known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.artifact.pack import pack
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.policy import Policy, TrustedKey
from goldenpath.release.attest.statement import DATASET, DECISION, Statement
from goldenpath.release.evidence.difference import Fact, ReleaseDifference, difference, differences
from goldenpath.release.evidence.release_facts import facts, standing
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.training_run import Metric, Package, TrainingRun
from tests.release.artifact.made import contents
from tests.release.attest.releases import NOW, REPOSITORY, new_signer
from tests.release.attest.runs import BUILDER, training_run

SIGNER = new_signer()
NOBODY = Policy((), ())
TRUSTED = Policy((TrustedKey("build", SIGNER.public_key()),), ())


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1}, {"a": 2}, (("a", 1, 2),)),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, (("a.b", 1, None), ("a.c", None, 1))),
        ([{"name": "x", "v": 1}], [{"name": "y", "v": 2}, {"name": "x", "v": 1}],
         (("y.name", None, "y"), ("y.v", None, 2))),
        ([1, 2], [2, 1], (("", [1, 2], [2, 1]),)),
        (None, {"a": 1}, (("a", None, 1),)),
    ],
)  # fmt: skip
def test_a_difference_names_the_value(
    before: JsonValue, after: JsonValue, expected: tuple[tuple[str, JsonValue, JsonValue], ...]
) -> None:
    assert tuple(differences(before, after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [((0.70, 0.74), (0.73, 0.78), "overlap"),
     ((0.70, 0.74), (0.75, 0.78), "apart"),
     ((0.75, 0.78), (0.70, 0.74), "apart"),
     ((None, None), (0.75, 0.78), "unknown")],
)  # fmt: skip
def test_a_metric_is_one_value_and_its_intervals_are_compared(
    before: tuple[float | None, float | None],
    after: tuple[float | None, float | None],
    expected: str,
) -> None:
    [change] = difference(_auc(*before), _auc(*after)).changes

    assert (change.path, change.intervals) == ("auc", expected)


def _auc(low: float | None, high: float | None) -> dict[str, Fact]:
    return {"metrics": Fact({"auc": {"value": 0.7, "low": low, "high": high}}, "verified")}


class Releases:
    """One store of releases that differ from each other in one thing each."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryStore()
        self._folder = folder

    def make(
        self,
        name: str,
        *,
        contract: JsonValue = None,
        run: TrainingRun | None = None,
        model: bytes = b"model",
        documents: dict[str, bytes] | None = None,
        more: Sequence[Statement] = (),
    ) -> Digest:
        """Pack, attest and sign one release."""
        made = contents(self._folder / name, model)
        chosen = {**made.documents, "compliance/thresholds.yaml": LIMITS, **(documents or {})}
        made = replace(made, contract=canonical_json(contract or CONTRACT), documents=chosen)
        image = pack(self.store, made).image
        # No two releases share a digest: what they are said to be would get mixed up.
        said = statements(run or training_run(), (image.digest,), builder=BUILDER)
        for each in (*said, *more):
            attach(self.store, image, replace(each, subjects=(image.digest,)), SIGNER, now=NOW)
        sign_image(self.store, image, REPOSITORY, SIGNER, now=NOW)
        return image.digest

    def compare(self, before: Digest, after: Digest, policy: Policy = TRUSTED) -> ReleaseDifference:
        """Return the difference of two releases under a policy."""
        sides = []
        for digest in (before, after):
            known = standing(self.store, digest, policy, (), now=NOW)
            sides.append(facts(self.store, digest, known))
        return difference(*sides)


LIMITS = b"metrics:\n  - metric: roc_auc\n    minimum: 0.7\n"
CONTRACT: dict[str, JsonValue] = {
    "version": 1,
    "features": [{"name": "age", "kind": "number", "maximum": 100}],
    "decision": {"bands": [{"name": "low", "below": 0.2, "outcome": "accept"}]},
    "monitor": {"floor_psi": 0.01},
}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    return Releases(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def base(releases: Releases) -> Digest:
    return releases.make("base")


def _changed() -> dict[str, dict[str, object]]:
    run, contract = training_run(), CONTRACT
    [data] = run.datasets
    feature = {"name": "age", "kind": "number", "maximum": 120}
    band = {"bands": [{"name": "low", "below": 0.3, "outcome": "accept"}]}
    environment = replace(run.environment, packages=(Package("numpy", "2.4.0", ()),))
    verdict: dict[str, JsonValue] = {
        "stage": "prod",
        "allowed": False,
        "findings": [{"check": "thresholds", "status": "fail"}],
    }
    return {
        "data": {"run": replace(run, datasets=(replace(data, rows=29000),))},
        "parameters": {"run": replace(run, parameters={"trees": 300})},
        "code": {"run": replace(run, source=replace(run.source, commit="b" * 40))},
        "environment": {"run": replace(run, environment=replace(run.environment, uv="0.14.0"))},
        "packages": {"run": replace(run, environment=environment)},
        "metrics": {"run": replace(run, metrics=(Metric("roc_auc", 0.8, 0.79, 0.81, 6000),))},
        "checks": {"run": replace(run, checks=run.checks[:1])},
        "schema": {"contract": {**contract, "features": [feature]}},
        "decision policy": {"contract": {**contract, "decision": band}},
        "monitors": {"contract": {**contract, "monitor": {"floor_psi": 0.02}}},
        "limits": {"documents": {"compliance/thresholds.yaml": LIMITS.replace(b"0.7", b"0.8")}},
        "decisions": {"more": (Statement((Digest.of(b""),), DECISION, verdict),)},
        "files": {"documents": {"card.md": b"# Another card\n"}},
    }


EXPECTED = {
    "data": "panel.rows",
    "parameters": "trees",
    "code": "commit",
    "environment": "uv",
    "packages": "numpy.version",
    "metrics": "roc_auc",
    "checks": "tests",
    "schema": "features.age.maximum",
    "decision policy": "bands.low.below",
    "monitors": "floor_psi",
    "limits": "metrics.roc_auc.minimum",
    "decisions": "prod.gates.thresholds",
    "files": "models/goldenpath/card.md",
}


@pytest.mark.parametrize("section", EXPECTED)
def test_what_changed_is_found_in_its_section(
    releases: Releases, base: Digest, section: str
) -> None:
    changed = _changed()[section]
    changed.setdefault("documents", {f"of-{section.replace(' ', '-')}.txt": b""})
    other = releases.make(section.replace(" ", "-"), **changed)  # type: ignore[arg-type]

    found = releases.compare(base, other)

    assert EXPECTED[section] in [e.path for e in found.changes if e.section == section]
    assert {e.section for e in found.changes} - {section} <= {"files"}
    assert {(each.before, each.after) for each in found.sections if each.name != "decisions"} == {
        ("verified", "verified")
    }


def test_a_release_does_not_differ_from_itself(releases: Releases, base: Digest) -> None:
    assert releases.compare(base, base).changes == ()


def test_without_trust_content_is_observed_and_statements_are_declared(
    releases: Releases, base: Digest
) -> None:
    marks = {each.name: each.after for each in releases.compare(base, base, NOBODY).sections}

    assert {marks["files"], marks["schema"], marks["limits"]} == {"observed"}
    assert {marks["data"], marks["metrics"], marks["code"]} == {"declared"}


def test_a_section_without_a_statement_is_unknown(
    releases: Releases, base: Digest, tmp_path: Path
) -> None:
    bare = pack(releases.store, contents(tmp_path, b"bare")).image

    found = releases.compare(base, bare.digest)

    marks = {each.name: (each.before, each.after) for each in found.sections}
    assert marks["metrics"] == ("verified", "unknown")
    assert marks["files"] == ("verified", "observed")
    assert all(each.after is None for each in found.changes if each.section == "metrics")


def test_an_untrusted_statement_does_not_replace_a_trusted_one(releases: Releases) -> None:
    digest = releases.make("claimed", documents={"claimed.txt": b""})
    claim: dict[str, JsonValue] = {"datasets": [{"name": "panel", "rows": 1}]}
    image = releases.store.resolve(digest.text)
    attach(releases.store, image, Statement((digest,), DATASET, claim), new_signer(), now=NOW)

    known = standing(releases.store, digest, TRUSTED, (), now=NOW)
    data = facts(releases.store, digest, known)["data"]

    assert (data.mark, data.by) == ("verified", "build")
    assert "30000" in str(data.value)
