"""Each field of each card has a law, a reason and a good example."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpath.audit.report.cards.card_fields import card_fields, explained
from goldenpath.errors import NotFound
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.project.claims.placeholders import is_template_text, placeholder_in
from goldenpath.project.statements import REQUIRED

SOURCE = Path(__file__).parents[4] / "src" / "goldenpath"
CARDS = sorted(
    path
    for folder in (SOURCE / "project").rglob("compliance")
    for path in folder.rglob("*")
    if path.suffix in (".md", ".yaml")
)
_HEAD = {"owner", "approved_by", "approved_on", "review_by"}


def names_of(path: Path) -> Iterator[str]:
    """Yield every field of a card, as the report names it."""
    file = path.parts[path.parts.index("compliance") + 1 :]
    if len(file) > 1:
        yield f"{file[0]}/*"
        return
    text = path.read_text()
    if path.suffix == ".yaml":
        for key in parse_yaml(text.encode(), file[0]):
            yield f"head#{key}" if key in _HEAD else f"{file[0]}#{key}"
        return
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    yield from (f"{file[0]}#{each.lower().replace(' ', '-')}" for each in sections)
    if not sections:
        yield file[0]


def test_every_field_of_every_card_that_a_project_starts_with_is_explained() -> None:
    known = {each.name for each in card_fields()}
    fields = {name for path in CARDS for name in names_of(path)}

    assert len(CARDS) > 20 and len(fields) > 35
    assert fields - known == set()


def test_every_statement_that_a_tier_requires_is_explained() -> None:
    for statement in REQUIRED["high"]:
        name = statement.file.removeprefix("compliance/")
        section = f"#{statement.section.lower().replace(' ', '-')}" if statement.section else ""
        assert explained(f"{name}{section}"), statement


def test_each_has_all_three_and_the_example_is_no_placeholder() -> None:
    for each in card_fields():
        assert re.search(r"Art\. \d|Annex [IV]+|Guidance \d", each.law), each.name
        assert len(each.reason) > 20, each.name
        assert not placeholder_in(each.example), each.name
        assert not is_template_text(each.example), each.name
        lowered = f"{each.reason} {each.example}".lower()
        assert "compliant" not in lowered and "certified" not in lowered, each.name


def test_an_example_of_a_key_can_be_read_and_names_the_key() -> None:
    for each in card_fields():
        file, _, key = each.name.partition("#")
        if file.endswith(".yaml") and ": " in each.example and "{" in each.example:
            assert key in parse_yaml(each.example.encode(), each.name), each.name
        elif file.endswith(".yaml"):
            assert each.example.startswith(f"{key}:"), each.name


@pytest.mark.parametrize(
    "asked",
    [
        "card.md#intended-purpose", "Intended purpose", "intended_purpose",
        "compliance/card.md#Intended purpose",
    ],
)  # fmt: skip
def test_a_field_has_many_names(asked: str) -> None:
    (found,) = explained(asked)

    assert found.name == "card.md#intended-purpose"


def test_a_file_names_all_its_fields() -> None:
    assert len(explained("card.md")) == 9
    assert [each.name for each in explained("datasets/clients.md")] == ["datasets/*"]
    assert [each.name for each in explained("owner")] == ["head#owner"]


@pytest.mark.parametrize("asked", ["", "nothing", "intended-purpos"])
def test_an_unknown_field_is_refused_with_the_nearest(asked: str) -> None:
    with pytest.raises(NotFound) as error:
        explained(asked)

    assert ("intended-purpose" in str(error.value.hint)) is (asked == "intended-purpos")
