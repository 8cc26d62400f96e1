"""A declared task, its features and its policy fit one another, or `check` says what does not."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from goldenpath.project.consistency import contract_faults
from goldenpath.project.contract import parse_contract, render_contract
from goldenpath.project.spec import (
    Band,
    ClassOutcome,
    Contract,
    DecisionPolicy,
    Feature,
    ValueRange,
)
from goldenpath.project.task.task_faults import with_text_codes
from tests.project.task.test_answer_rules import CLASSES, POLICY, PROBABILITY, VALUE

BANDS = DecisionPolicy((Band("low", 500, "cheap"), Band("high", 1001, "dear")))
GOOD = {
    "probability": PROBABILITY,
    "probability without a policy": replace(PROBABILITY, decision=None),
    "classes": CLASSES,
    "classes with outcomes": replace(CLASSES, decision=POLICY),
    "value": VALUE,
    "value with bands": replace(VALUE, decision=BANDS),
    "whole number": replace(PROBABILITY, features=(Feature("x", "number", whole=True),)),
    "texts": replace(PROBABILITY, features=(Feature("x", "category", categories=("a", "b")),)),
}
BAD: Mapping[str, tuple[Contract, str, str]] = {
    "no classes": (replace(CLASSES, classes=()), "contract.classes", "at least two classes"),
    "classes of another task": (
        replace(PROBABILITY, classes=("a", "b")), "contract.classes", 'task = "classes"',
    ),
    "no unit": (replace(VALUE, value=None), "contract.value", "unit"),
    "unit of another task": (
        replace(PROBABILITY, value=ValueRange("EUR", 0, 1)), "contract.value", 'task = "value"',
    ),
    "bounds": (replace(VALUE, value=ValueRange("EUR", 5, 5)), "contract.value.maximum", "5"),
    "bands of classes": (replace(CLASSES, decision=BANDS), "contract.decision.bands", "class"),
    "unknown class": (
        replace(CLASSES, decision=DecisionPolicy(classes=(ClassOutcome("d", "go"),))),
        "contract.decision.classes[0].name", "one of the classes",
    ),
    "a class twice": (
        replace(CLASSES, decision=DecisionPolicy(classes=(ClassOutcome("a", "go"),) * 2)),
        "contract.decision.classes[1].name", "each class once",
    ),
    "bands end too early": (
        replace(VALUE, decision=DecisionPolicy((Band("all", 900, "x"),))),
        "contract.decision.bands[0].below", "every value",
    ),
    "bands do not rise": (
        replace(VALUE, decision=DecisionPolicy((Band("a", 9, "x"), Band("b", 9, "y")))),
        "contract.decision.bands[1].below", "where the band before ends",
    ),
    "an outcome that no band has": (
        replace(VALUE, decision=replace(BANDS, favourable=("cheep",))),
        "contract.decision.favourable", "outcomes of the policy",
    ),
    "labels of texts": (
        replace(PROBABILITY, features=(
            Feature("x", "category", categories=("a", "b"), labels=("c", "d")),)),
        "contract.features[0].labels", "callers send the texts",
    ),
    "texts and numbers": (
        replace(PROBABILITY, features=(Feature("x", "category", categories=("a", 0.5)),)),
        "contract.features[0].categories", "texts only",
    ),
}  # fmt: skip


@pytest.mark.parametrize("contract", GOOD.values(), ids=GOOD)
def test_a_contract_that_fits_has_no_fault_and_is_stored_in_one_form(contract: Contract) -> None:
    assert not [*contract_faults(contract)]
    assert parse_contract(render_contract(contract)) == contract


@pytest.mark.parametrize(("contract", "key", "expected"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_named_by_its_key(contract: Contract, key: str, expected: str) -> None:
    faults = [*contract_faults(contract)]

    assert key in [fault.key for fault in faults]
    assert any(expected in fault.expected for fault in faults if fault.key == key)


def test_a_contract_without_a_later_field_keeps_its_digest() -> None:
    content = render_contract(PROBABILITY).decode()

    for later in ("task", "classes", "value", "whole", "favourable", "reviewed", "labels"):
        assert f'"{later}"' not in content


def test_long_codes_and_texts_become_texts() -> None:
    def codes(*given: object) -> object:
        return with_text_codes({"name": "x", "categories": list(given)})["categories"]

    assert codes(1, 2, 0.5) == [1, 2, 0.5]
    assert codes(16_777_216, 1) == [16_777_216, 1]
    assert codes(100500010000000001, 2) == ["100500010000000001", "2"]
    assert codes("a", 16_777_217) == ["a", "16777217"]
    assert with_text_codes({"name": "x"}) == {"name": "x"}
