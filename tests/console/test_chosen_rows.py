"""A long answer is shown a page at a time, and a filter names what it leaves out."""

from collections.abc import Callable

import pytest

from goldenpath.console.chosen_rows import (
    CARDS,
    ROWS,
    ChosenRows,
    event_rows,
    live_rows,
    road_cards,
)
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.console.views import Views

STATES = ("live", "canary", "stopped")


def register(models: int) -> dict[str, object]:
    """A register of models, each in one or two stages."""
    systems = [
        {
            "model": f"model-{number:04}", "findings": ["one"] if number % 10 == 0 else [],
            "tier": {"value": "high"}, "owner": {"value": "desk"},
            "stages": [
                {"stage": stage, "state": STATES[number % 3], "releases": []}
                for stage in (("dev", "prod") if number % 2 else ("dev",))
            ],
        }
        for number in range(models)
    ]  # fmt: skip
    return {"systems": systems, "beyond": []}


def answers(models: int) -> dict[str, VerbAnswer]:
    status = {"deployments": [{"name": "dev/model-0001", "phase": "ready", "conditions": [],
                               "marks": []}]}  # fmt: skip
    return {
        "register": VerbAnswer(("register",), register(models)),
        "status": VerbAnswer(("status",), status),
    }


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, 1000),
        ({"find": "model-00"}, 100),
        ({"find": "nothing"}, 0),
        ({"in": "prod"}, 500),
        ({"state": "canary"}, 333),
        ({"in": "prod", "state": "canary"}, 167),
        ({"state": "findings"}, 100),
        ({"state": "findings", "in": "prod"}, 0),
    ],
)
def test_models_are_chosen_by_name_stage_and_state(values: dict[str, str], found: int) -> None:
    chosen = road_cards(values, answers(1000))

    assert (chosen.found, chosen.whole) == (found, 1000)
    assert len(chosen.rows) == min(found, CARDS)


def test_pages_together_have_every_model_once() -> None:
    first = road_cards({"in": "prod"}, answers(1000))
    names = [
        card.system["model"]
        for page in range(1, first.pages + 1)
        for card in road_cards({"in": "prod", "page": str(page)}, answers(1000)).rows
    ]

    assert len(names) == len(set(names)) == 500
    assert first.at(2) == "/?in=prod&page=2"


def test_a_page_after_the_last_one_is_the_last_one() -> None:
    assert road_cards({"page": "9999"}, answers(30)).page == 2
    assert road_cards({"page": "9999"}, answers(0)).pages == 1


def test_a_page_over_a_thousand_models_is_small() -> None:
    page = Views().panel("road", {}, answers(1000), is_part=True)

    assert page.count('class="card"') == CARDS
    assert "1000 of 1000 models" in page
    assert len(page.encode()) < 200_000


@pytest.mark.parametrize("choose", [event_rows, live_rows])
def test_other_long_answers_have_pages_too(choose: Callable[..., ChosenRows]) -> None:
    rows = [{"model": f"m{number}", "stage": "dev"} for number in range(120)]

    chosen = choose({"find": "m1"}, {"answer": VerbAnswer(("at",), rows)})

    assert chosen.found == 31
    assert len(chosen.rows) == min(31, ROWS)
