"""Decisions by group over time: shares with intervals, small groups, closed inputs."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from goldenpath.cli.group_page import group_page
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.labels.slice_history import FEWEST, SliceHistory, slice_history
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.project.spec import Contract, Feature
from goldenpath.release.attest.keys import PemSigner, generate_key
from tests.observe.spooling import CONTRACT, FACTS, answer, draw, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
WEEK = 7 * 86_400 * 1_000_000_000
GROUPED = replace(
    CONTRACT,
    features=(
        Feature("income", "number"),
        Feature("status", "category", categories=(-1.0, 0.0, 2.0)),
    ),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A log of two weeks; everybody with status 2 has a high score, and few of them ask."""
    home = Home(tmp_path_factory.mktemp("home"))
    generate_key(home.log_key)
    answered = []
    for number in range(20):
        item = answer(number, draw(100, number), subjects=[f"p{number}-{n}" for n in range(100)])
        started = item.started + (WEEK if number >= 10 else 0)
        answered.append(msgspec.structs.replace(item, started=started))
    write_spool(spool_path(home.spool), answered)
    subjects = Subjects(home.keys)
    signer = PemSigner.load(home.log_key)
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    for batch in Tail(home.spool, log.resume, pytest.fail).batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
    subjects.close()
    return home


def history(home: Home, feature: str = "status", days: int = 7) -> SliceHistory:
    def contract_of(digest: str) -> Contract:
        return GROUPED

    return slice_history(home, "prod", "credit", feature, days=days, contract_of=contract_of)


def test_each_group_has_its_share_in_each_period_with_an_interval(home: Home) -> None:
    found = history(home)

    periods = sorted({each.period for each in found.shares})
    assert len(periods) == 2 and all(
        datetime.fromisoformat(each).weekday() == 0 for each in periods
    )
    assert sum(each.decisions for each in found.shares if each.outcome == "accept") == 2000
    declined = {
        each.group: each for each in found.shares
        if (each.period, each.outcome) == (periods[0], "decline")
    }  # fmt: skip
    assert declined["2"].share > declined["0"].share > declined["-1"].share
    for each in declined.values():
        assert each.low is not None and each.high is not None
        assert each.low <= each.share <= each.high
    assert (found.closed, found.gaps) == (0, ())


def test_the_largest_difference_is_between_groups_of_enough_decisions(home: Home) -> None:
    found = history(home)
    small = {(each.period, each.group) for each in found.shares if each.is_small}

    gaps = [each for each in found.gaps_between if each.outcome == "decline"]
    assert gaps
    for each in gaps:
        assert not {(each.period, each.most), (each.period, each.least)} & small
        assert 0 <= each.low <= each.difference <= each.high <= 1
    assert all(each.is_small for each in history(home, days=1).shares if each.decisions < FEWEST)


def test_a_feature_without_groups_is_refused_with_what_is_expected(home: Home) -> None:
    for feature in ("income", "nothing"):
        with pytest.raises(InvalidInput, match="no release of credit has groups"):
            history(home, feature)


def test_people_whose_key_was_erased_are_counted_and_not_shown(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "home")
    shutil.copytree(home.root, copy.root)
    subjects = Subjects(copy.keys)
    for number in range(100):
        assert subjects.erase(f"p3-{number}")
    subjects.close()

    found = history(copy)

    assert found.closed == 100
    assert sum(each.decisions for each in found.shares if each.outcome == "accept") == 1900


def test_a_segment_that_was_changed_is_a_gap(home: Home, tmp_path: Path) -> None:
    copy = Home(tmp_path / "home")
    shutil.copytree(home.root, copy.root)
    path = next(iter(checkpoints(copy.predictions)))
    table_of(path).write_bytes(b"PAR1")

    assert "wrong digest" in history(copy).gaps[0]
    assert np.isfinite(history(copy).closed)


def test_the_page_names_small_groups_and_closed_inputs(home: Home) -> None:
    found = history(home)
    small = replace(found.shares[0], decisions=FEWEST - 1)
    text = group_page(
        replace(found, shares=(small, *found.shares[1:]), closed=3, gaps=("segment x is gone",))
    )

    assert text.startswith("decisions by status, from the sealed log")
    assert f"fewer than {FEWEST} decisions: not compared" in text
    assert "not counted: 3 decisions whose inputs no key opens" in text
    assert "not counted: segment x is gone" in text
    assert "decline differs most between 2 and -1" in text
