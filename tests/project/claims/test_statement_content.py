"""Empty texts, placeholders, texts of templates and dates ahead are no statements."""

from datetime import date
from pathlib import Path

import pytest

import goldenpath.project
from goldenpath.project.claims.placeholders import NOT_FILLED, is_template_text, placeholder_in
from goldenpath.project.claims.statement_content import body_faults, date_faults, field_faults
from goldenpath.project.text import front_matter

PACKAGE = Path(goldenpath.project.__file__).parent
GOOD = "The bank decides with it which files an officer reads first."
CARD = "compliance/card.md"


def section(text: str) -> list[str]:
    faults = body_faults(CARD, "", {"Limits": text}, demonstration=False)
    return [f"{fault.key}: {fault.got}" for fault in faults]


@pytest.mark.parametrize(
    "text",
    [
        "To be written: what it decides.",
        f"{GOOD} TODO: more.",
        "tbd",
        "Lorem ipsum dolor sit amet, consetetur.",
        "<what it decides and for whom>",
        "The owner is <NAME OF THE OWNER> of the bank.",
        "The bank [insert name] decides with it which files.",
        "Decides about {{ cases }} of the bank each day.",
        "xxx xxx xxx xxx",
        "???",
        "-",
        "n/a",
        "none",
        "text text text text",
        "<!-- The bank decides with it which files an officer reads. -->",
        "### A heading of its own and nothing else",
        NOT_FILLED,
    ],
)
def test_what_nobody_wrote_is_named(text: str) -> None:
    assert len(section(text)) == 1, text


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "A score of <0.1 is low, and one above 0.3 high.",
        "See <https://policies.example/p-12> and <risk@bank.example>.",
        "Line one of it.<br>Line two of it.",
        "A form that is to be filled in by the client comes first.",
        "The command `goldenpath send <model>` sends rows to it.",
        "The list of claims (see [policy](p.md)) is sorted by it.",
    ],
)
def test_what_a_person_wrote_passes(text: str) -> None:
    assert section(text) == [], text


@pytest.mark.parametrize(
    "file",
    [path for path in sorted(PACKAGE.glob("**/compliance/**/*.md")) if "data" not in path.name],
    ids=lambda path: f"{path.parts[-4]}-{path.name}",
)
def test_what_a_template_says_is_never_a_statement(file: Path) -> None:
    body = front_matter(file.read_text(), file.name)[1]

    for part in body.split("\n## ")[1:] or [body]:
        text = part.partition("\n")[2]
        assert section(text), text
        edited = text.replace("To be written: ", "").replace("what", "that")
        assert placeholder_in(edited) == ""
        assert is_template_text(edited), edited


def test_a_field_is_named_by_its_path() -> None:
    values = {"owner": "a", "provider": {"name": "", "role": None}, "risks": [{"cause": "TBD"}]}

    faults = list(field_faults("compliance/x.yaml", values, demonstration=False))

    assert [fault.key for fault in faults] == ["provider.name, provider.role", "risks[0].cause"]


@pytest.mark.parametrize("content", [{}, {"risks": []}, {"roles": {}}])
def test_a_head_without_a_statement_is_empty(content: dict[str, object]) -> None:
    values = {"owner": "a", "approved_by": "b", **content}

    (fault,) = field_faults("compliance/x.yaml", values, demonstration=False)

    assert fault.expected == "a statement below its head"


def test_an_empty_list_beside_a_text_is_an_answer() -> None:
    values = {"applied": [], "instead": "own policy"}

    assert not list(field_faults("compliance/standards.yaml", values, demonstration=False))


@pytest.mark.parametrize(
    ("file", "values", "demonstration", "count"),
    [
        ("system", {"provider": {"name": NOT_FILLED}}, True, 0),
        ("system", {"provider": {"name": NOT_FILLED}}, False, 1),
        ("system", {"reasoning": NOT_FILLED}, True, 1),
        ("registration", {"number": NOT_FILLED}, True, 0),
        ("risks", {"risks": [{"cause": NOT_FILLED}]}, True, 1),
    ],
)
def test_only_a_demonstration_leaves_open_what_only_a_company_has(
    file: str, values: dict[str, object], demonstration: bool, count: int
) -> None:
    faults = field_faults(f"compliance/{file}.yaml", values, demonstration=demonstration)

    assert len(list(faults)) == count


def test_what_has_happened_lies_behind_today() -> None:
    values = {
        "approved_on": "2027-01-01",
        "signed_on": "2026-12-02",
        "steps": [{"date": "2026-12-01"}, {"next_review_date": "2027-05-01"}],
        "review_by": "2027-01-01",
    }

    faults = list(date_faults("compliance/x.yaml", values, date(2026, 12, 1)))

    assert [fault.key for fault in faults] == ["signed_on"]
