"""A contract has one canonical text. Any other text of it is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.project.contract import parse_contract, render_contract
from goldenpath.project.load import load_project


@pytest.fixture
def content(starter: Path) -> bytes:
    return render_contract(load_project(starter).contract)


def test_a_rendered_contract_is_parsed_back_equal(starter: Path, content: bytes) -> None:
    assert parse_contract(content) == load_project(starter).contract


@pytest.mark.parametrize(
    ("key", "value"),
    [("version", 2), ("features", "all"), ("colour", "red"), ("name", None), ("decision", {})],
)
def test_a_changed_contract_is_refused(content: bytes, key: str, value: str | int | None) -> None:
    changed = {**parse_object(content, "contract"), key: value}

    with pytest.raises(InvalidInput):
        parse_contract(canonical_json(changed))


def test_the_same_contract_in_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="canonical"):
        parse_contract(content.replace(b'"version":1', b'"version": 1'))


def test_a_contract_without_labels_has_no_key_for_them(starter: Path) -> None:
    contract = load_project(starter).contract
    labelled = replace(contract.features[1], labels=("man", "woman"))
    features = (contract.features[0], labelled, *contract.features[2:])

    content = render_contract(replace(contract, features=features))

    assert parse_contract(content).features[1].labels == ("man", "woman")
    assert b"labels" not in render_contract(contract)
    with pytest.raises(InvalidInput, match="canonical"):
        parse_contract(content.replace(b'"labels":["man","woman"]', b'"labels":[]'))
