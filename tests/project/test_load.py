"""All faults of a project are reported at once, with file, key, expected and got."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.parsers.fault import Fault
from goldenpath.project.contract import parse_contract, render_contract
from goldenpath.project.load import faults, load_project, notes
from tests.starter import NOW


def _edit(project: Path, old: str, new: str, file: str = "goldenpath.toml") -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new, 1))


def _keys(faults: Sequence[Fault]) -> list[str]:
    return [fault.key for fault in faults]


def test_the_starter_has_no_faults(starter: Path) -> None:
    assert faults(starter, NOW) == ()


def test_the_starter_is_parsed_into_a_project(starter: Path) -> None:
    project = load_project(starter)

    assert project.name == project.contract.name == "credit-default"
    assert [feature.name for feature in project.contract.features][3] == "status"
    assert project.contract.features[3].categories == tuple(range(-2, 9))
    assert project.training.smoke_parameters == {"sample": 2000}
    assert project.contract.monitor.floor_psi is None


def test_a_folder_without_a_declaration_is_not_a_project(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        load_project(tmp_path)


def test_text_that_is_not_toml_is_one_fault(project: Path) -> None:
    (project / "goldenpath.toml").write_text("version = ")

    assert [fault.expected for fault in faults(project)] == ["valid TOML"]


def test_an_unknown_key_is_a_fault_that_suggests_the_known_one(project: Path) -> None:
    _edit(project, "time_limit", "time_limits")

    (fault,) = faults(project, NOW)
    assert fault.key == "training.time_limits"
    assert fault.hint == "did you mean time_limit?"


def test_all_faults_are_reported_at_once(project: Path) -> None:
    _edit(project, 'tier = "high"', 'tier = "highest"')
    _edit(project, "seed = 20050401\n", "")
    _edit(project, "below = 0.3", "below = 0.05")
    _edit(project, "below = 1.01", "below = 1.0")
    _edit(project, 'name = "age"', 'name = "limit"')
    _edit(project, '["sex", "age_band"]', '["gender"]')

    with pytest.raises(InvalidInput) as caught:
        load_project(project)

    assert sorted(_keys(faults(project, NOW))) == [
        "contract.decision.bands[1].below",
        "contract.decision.bands[2].below",
        "contract.features[1].name",
        "evaluation.protected",
        "tier",
        "training.seed",
    ]
    assert "6 faults" in caught.value.message


def test_outputs_have_to_name_the_model_and_its_tables(project: Path) -> None:
    _edit(project, '"model.onnx", "reference.parquet"', '"../model.onnx"')
    (outside,) = faults(project, NOW)
    _edit(project, '"../model.onnx"', '"model.pkl"')
    absent = faults(project, NOW)

    assert outside.key == "training.outputs[0]"
    assert _keys(absent) == ["training.outputs"] * 2
    assert [fault.expected.split("'")[1] for fault in absent] == ["reference.parquet", "model.onnx"]


def test_outputs_of_a_model_that_is_code_have_to_be_declared(project: Path) -> None:
    code = '\n[contract.python]\nentry = "credit_default.train:train"\n'
    _edit(project, 'outputs = ["model.onnx", "reference.parquet", "evaluation.parquet"]\n', "")
    assert faults(project, NOW) == ()

    (project / "goldenpath.toml").write_text((project / "goldenpath.toml").read_text() + code)
    (fault,) = faults(project, NOW)
    assert (fault.key, fault.got) == ("training.outputs", "none")


def test_a_category_needs_its_codes(project: Path) -> None:
    _edit(project, "categories = [0, 1, 2, 3, 4, 5, 6]\n", "")

    assert _keys(faults(project, NOW)) == ["contract.features[2].categories"]


def test_a_category_needs_one_label_for_each_code_or_none(project: Path) -> None:
    codes = "categories = [0, 1, 2, 3, 4, 5, 6]\n"
    _edit(project, codes, f'{codes}labels = ["none", "school"]\n')

    assert _keys(faults(project, NOW)) == ["contract.features[2].labels"]


VECTOR = """
[[contract.features]]
name = "face"
kind = "vector"
length = 2
minimum = -1
maximum = 1

[[contract.features]]
name = "opened"
kind = "timestamp"

"""


def test_vectors_and_times_are_declared_once_and_become_numbers(project: Path) -> None:
    _edit(project, "[[contract.features]]", VECTOR + "[[contract.features]]")

    assert faults(project, NOW) == ()
    first, second, day, *_ = load_project(project).contract.features
    assert (first.name, second.name, day.name) == ("face_0", "face_1", "opened_days")
    assert (first.minimum, first.part_of, day.part) == (-1, "face", "days")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("length = 2\n", "", "contract.features[0].length"),
        ("length = 2", "length = 1", "contract.features[0].length"),
        ("length = 2", "length = 1025", "contract.features[0].length"),
        ('kind = "timestamp"', 'kind = "timestamp"\nwhole = true', "contract.features[1].whole"),
        ('name = "opened"', 'name = "face"', "contract.features[1].name"),
    ],
)
def test_a_vector_or_time_of_another_form_is_a_fault(
    project: Path, old: str, new: str, key: str
) -> None:
    _edit(project, "[[contract.features]]", VECTOR.replace(old, new) + "[[contract.features]]")

    assert _keys(faults(project, NOW)) == [key]


def test_the_number_of_each_text_of_a_category_is_noted(project: Path) -> None:
    assert notes(project) == ()
    texts = 'categories = ["none", "school", "high", "3", "4", "5", "6"]\n'
    _edit(project, "categories = [0, 1, 2, 3, 4, 5, 6]\n", texts)

    (remark,) = notes(project)

    assert "none = 0, school = 1, high = 2, 3 = 3, 4 = 4, …" in remark
    assert "labels" in remark
    (project / "goldenpath.toml").write_text("version = 1")
    assert notes(project) == ()


@pytest.mark.parametrize("entry", ["credit_default.missing:train", "credit_default.train:fit"])
def test_the_entry_point_has_to_exist(project: Path, entry: str) -> None:
    _edit(project, "credit_default.train:train", entry)

    assert _keys(faults(project, NOW)) == ["training.entry"]


def test_the_entry_point_of_the_evaluation_has_to_exist_too(project: Path) -> None:
    _edit(project, "[evaluation]", '[evaluation]\nentry = "credit_default.train:evaluate"')

    (fault,) = faults(project, NOW)
    assert (fault.key, fault.got) == ("evaluation.entry", "'evaluate'")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("x = " + "-" * 100_000 + "1\n", "Python of less depth"),
        ("x = 1" + " + 1" * 100_000 + "\n", "Python of less depth"),
        ("(" * 1000, "valid Python"),
        ("#" * 1_100_000, "valid Python"),
    ],
)
def test_code_that_cannot_be_parsed_is_a_fault(project: Path, content: str, expected: str) -> None:
    (project / "src" / "credit_default" / "train.py").write_text(content)

    found = [fault for fault in faults(project, NOW) if fault.file.endswith("train.py")]

    assert [fault.expected for fault in found] == [expected]


@pytest.mark.parametrize("content", ["a: " + "[" * 100_000, "- " * 100_000, "a: &a [*a]"])
def test_a_hostile_statement_is_a_fault_of_its_own(project: Path, content: str) -> None:
    for file in ("system.yaml", "thresholds.yaml"):
        (project / "compliance" / file).write_text(content)
    card = project / "compliance" / "card.md"
    card.write_text(f"---\n{content}\n---\n")

    found = [fault for fault in faults(project, NOW) if fault.expected == "a readable statement"]

    assert {fault.file for fault in found} == {
        "compliance/card.md", "compliance/system.yaml", "compliance/thresholds.yaml"
    }  # fmt: skip


def test_changed_data_are_a_fault_with_both_digests(project: Path) -> None:
    with (project / "data/clients.parquet").open("ab") as file:
        file.write(b"\0")

    (fault,) = faults(project, NOW)
    assert fault.key == "data.clients.digest"
    assert fault.expected != fault.got


@pytest.mark.parametrize("path", ["data/absent.parquet", "../outside.parquet", "/etc/hostname"])
def test_data_have_to_be_inside_the_project(project: Path, path: str) -> None:
    _edit(project, "data/clients.parquet", path)

    assert _keys(faults(project, NOW)) == ["data.clients.path"]


def test_a_missing_lock_is_a_fault(project: Path) -> None:
    (project / "uv.lock").unlink()

    assert [fault.file for fault in faults(project, NOW)] == ["uv.lock"]


def test_a_missing_statement_is_a_fault(project: Path) -> None:
    (project / "compliance/roles.yaml").unlink()

    (fault,) = faults(project, NOW)
    assert (fault.file, fault.expected) == ("compliance/roles.yaml", "the statement H15")


def test_an_empty_section_of_the_card_is_a_fault(project: Path) -> None:
    _edit(project, "## Limits and misuse", "## Limits", "compliance/card.md")

    assert _keys(faults(project, NOW)) == ["## Limits and misuse"]


def test_a_higher_tier_requires_more_statements(project: Path) -> None:
    for name in ("monitoring-plan", "risks"):
        (project / f"compliance/{name}.yaml").unlink()

    def missing(tier: str, before: str) -> list[str]:
        _edit(project, f'tier = "{before}"', f'tier = "{tier}"')
        return [fault.expected for fault in faults(project, NOW)]

    assert missing("low", "high") == []
    assert missing("material", "low") == ["the statement H13"]
    assert missing("high", "material") == ["the statement H13", "the statement H12"]


def test_the_owner_of_a_statement_may_not_approve_it(project: Path) -> None:
    roles = "compliance/roles.yaml"
    _edit(project, "approved_by: risk-manager", "approved_by: Validator", roles)

    assert _keys(faults(project, NOW)) == ["approved_by"]


def test_a_statement_past_its_review_is_a_fault(starter: Path) -> None:
    late = datetime(2027, 3, 3, tzinfo=UTC)

    assert set(_keys(faults(starter, late))) == {"review_by"}
    assert faults(starter) == ()


def test_thresholds_have_a_schema(project: Path) -> None:
    _edit(project, "minimum: 0.85", "minimum: high", "compliance/thresholds.yaml")
    _edit(project, "metric: brier", "metric: briar", "compliance/thresholds.yaml")

    assert _keys(faults(project, NOW)) == ["metrics[0].minimum", "metrics[1].metric"]


def test_a_limit_may_apply_to_a_slice_and_fairness_needs_a_minimum_of_rows(project: Path) -> None:
    file = "compliance/thresholds.yaml"
    _edit(project, "minimum: 0.85", 'minimum: 0.85\n    slice: "sex=female"', file)
    assert faults(project, NOW) == ()

    _edit(project, "  minimum_rows: 200\n", "", file)
    assert _keys(faults(project, NOW)) == ["fairness.minimum_rows"]


def test_a_repeated_key_is_a_fault(project: Path) -> None:
    _edit(project, "owner: val", "owner: somebody\nowner: val", "compliance/roles.yaml")

    (fault,) = faults(project, NOW)
    assert "'owner' occurs twice" in fault.got


def test_declared_reasons_and_code_of_a_model_are_checked(project: Path) -> None:
    reasons = """[contract.reasons]
codes = [{ code = "R1", text = "payments came late" }, { code = "R2", text = "limit used up" }]
"""
    file = project / "goldenpath.toml"
    entry = '[contract.python]\nentry = "credit_default.train:train"\n'
    file.write_text(file.read_text() + reasons + entry)
    contract = load_project(project).contract
    assert contract.reasons is not None and contract.reasons.codes[1].code == "R2"
    assert contract.python is not None and contract.python.memory_limit == 2048
    assert parse_contract(render_contract(contract)) == contract

    _edit(project, '"R2"', '"R1"')
    _edit(project, entry, entry.replace(":train", ":score"))

    keys = _keys(faults(project, NOW))
    assert keys == ["contract.reasons.codes[1].code", "contract.python.entry"]
