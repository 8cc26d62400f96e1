"""The way of a release shows each station as its verb marks it, and never better."""

from types import SimpleNamespace
from typing import Any

import pytest

from goldenpath.console.chosen_rows import part_rows, releases_of
from goldenpath.console.lineage import Station, lineage
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.console.views import Views

RELEASE = f"sha256:{'a' * 64}"


def referrer(kind: str, mark: str = "verified", signer: str = "release") -> Any:
    return SimpleNamespace(
        predicate_type=f"https://example/{kind}/v1", mark=mark, signer=signer, digest=f"d-{kind}"
    )


def answers(*referrers: Any, live: tuple[Any, ...] = ()) -> dict[str, VerbAnswer]:
    inspection = SimpleNamespace(
        annotations={"org.opencontainers.image.revision": "0123456789abcdef"},
        referrers=referrers,
        mark="verified",
    )
    return {
        "inspect": VerbAnswer(("inspect",), inspection),
        "at": VerbAnswer(("at", "now"), list(live)),
    }


def stations(given: dict[str, VerbAnswer]) -> dict[str, Station]:
    return {each.key: each for column in lineage({"release": RELEASE}, given) for each in column}


def test_what_nobody_stated_is_unknown() -> None:
    found = stations(answers())

    assert found["lineage.data"] == Station("lineage.data", "unknown", "unknown")
    assert found["lineage.training"].mark == "unknown"
    assert found["lineage.source"].mark == "unknown", "a commit that nobody signed"
    assert "lineage.approval" not in found


@pytest.mark.parametrize(
    ("marks", "shown"),
    [
        (("verified",), "verified"),
        (("declared",), "declared"),
        (("declared", "verified"), "verified"),
    ],
)
def test_a_station_has_the_best_mark_of_its_statements(marks: tuple[str, ...], shown: str) -> None:
    found = stations(answers(*(referrer("provenance", mark) for mark in marks)))

    assert found["lineage.training"].mark == shown
    assert found["lineage.source"].mark == shown


def test_it_leads_to_each_stage_that_has_the_release_and_to_no_other() -> None:
    def place(stage: str, digest: str) -> Any:
        share = SimpleNamespace(digest=digest, observed=10, intended=20)
        return SimpleNamespace(stage=stage, model="credit", shares=[share], certainty="certain")

    live = (place("prod", RELEASE), place("dev", f"sha256:{'b' * 64}"))
    columns = lineage({"release": RELEASE}, answers(live=live))

    assert columns[-1] == (
        Station("lineage.place", "prod 10 %", "certain", "/deployments/prod/credit"),
    )


def test_without_an_answer_nothing_is_drawn() -> None:
    given = {"inspect": VerbAnswer(("inspect",), error="lost"), "at": VerbAnswer(("at",), [])}
    page = Views().panel("lineage", {"release": RELEASE}, given, is_part=True)

    assert lineage({"release": RELEASE}, given) == ()
    assert "station" not in page
    assert "lost" in page


def test_parts_are_found_by_name_and_address() -> None:
    parts = [
        SimpleNamespace(name=f"Part{number}", version="1", purl=f"pkg:pypi/part{number}")
        for number in range(250)
    ]
    answer = {"answer": VerbAnswer(("inspect",), {"parts": parts, "unknown": []})}

    assert part_rows({"release": RELEASE}, answer).pages == 3
    assert part_rows({"release": RELEASE, "part": "part24"}, answer).found == 11
    assert part_rows({"release": RELEASE, "page": "2"}, answer).at(3) == f"/parts/{RELEASE}?page=3"


def test_releases_of_a_model_come_once_and_the_newest_first() -> None:
    events = [
        {"model": "credit", "digest": "one", "time": "1"},
        {"model": "credit", "digest": "two", "time": "2"},
        {"model": "other", "digest": "three", "time": "3"},
        {"model": "credit", "digest": "one", "time": "4"},
    ]
    found = releases_of({"model": "credit"}, {"answer": VerbAnswer(("events",), events)})

    assert [(each["digest"], each["time"]) for each in found] == [("two", "2"), ("one", "1")]
