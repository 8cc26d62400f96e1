"""Decisions about groups: a gap that moves is found by name, ends, and needs a slice."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.findings import DriftFinding, close
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.shares.group_outcomes import (
    MOST_DAYS,
    MOST_GROUPS,
    GroupOutcomes,
    saved_groups,
)
from goldenpath.project.spec import Contract, Feature
from tests.observe.spooling import CONTRACT, FACTS, answer, header
from tests.sizes import at_size

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
DAY = 86_400 * 10**9
YOUNG = Contract(
    CONTRACT.name,
    (Feature("income", "number"), replace(Feature("status", "number"), slices=(30.0,))),
    CONTRACT.output,
    CONTRACT.decision,
    CONTRACT.monitor,
)


class _Release:
    """A release that decides about persons below 30 and above."""

    def __init__(self, root: Path, contract: Contract = YOUNG) -> None:
        self.root, self.day = root, 0
        self.facts = Facts(contract, FACTS.profile)
        self.random = np.random.default_rng(3)
        self.monitor = self.restarted()

    def restarted(self) -> GroupOutcomes:
        return GroupOutcomes(self.root / "drift", self.root / "findings", lambda _: self.facts)

    def days(self, number: int, young: float, rows: int = 600) -> list[DriftFinding]:
        """Let days pass on which so many of the young are declined, and 20 % of all others."""
        news: list[DriftFinding] = []
        for _ in range(number):
            age = self.random.choice([20.0, 40.0], rows)
            is_high = self.random.random(rows) < np.where(age < 30, young, 0.2)
            values = np.column_stack([np.zeros(rows), age]).astype(np.float32)
            item = msgspec.structs.replace(
                answer(0, values),
                started=self.day * DAY,
                scores=np.where(is_high, 0.9, 0.1).astype("<f4").tobytes(),
            )
            news += self.monitor.add(Block.of(header(), [item]), NOW)
            self.day += 1
        return news


@pytest.fixture
def release(tmp_path: Path) -> _Release:
    return _Release(tmp_path)


def test_a_steady_gap_is_no_finding_and_a_new_one_is_named_with_its_shares(
    release: _Release,
) -> None:
    assert release.days(at_size(60, 365), 0.35) == []

    found = release.days(15, 0.6)

    (finding,) = (each for each in found if each.sentence.startswith("decline"))
    assert (finding.kind, finding.feature) == ("group", "status = below 30")
    assert 0.15 < finding.size < 0.35
    assert "against 2" in finding.sentence and "; before 3" in finding.sentence
    onset = np.datetime64(finding.since[:-1], "D").astype(int)
    assert abs(onset - at_size(60, 365)) <= 3


def test_it_ends_when_the_gap_is_as_before(release: _Release) -> None:
    release.days(60, 0.2)
    found = {each.id for each in release.days(15, 0.6)}
    assert found and release.days(3, 0.6) == []

    ended = release.days(20, 0.2)

    assert {each.id for each in ended} == found
    assert all((each.state, each.resolved_by) == ("resolved", "monitor") for each in ended)


def test_a_gap_that_a_person_closed_is_usual(release: _Release) -> None:
    release.days(60, 0.2)
    for finding in release.days(15, 0.6):
        close(release.root / "findings", finding.id, "Anna", "a new rule", now=NOW)

    assert release.days(40, 0.6) == []


def test_a_restart_goes_on_and_only_counts_are_kept(release: _Release) -> None:
    release.days(60, 0.2)
    release.monitor.save()
    release.monitor = release.restarted()

    assert release.days(15, 0.6)
    release.monitor.save()
    (state,) = saved_groups(release.root / "drift", "prod", "credit")
    assert {each.group for each in state.groups} == {"below 30"}, "of two groups one says it all"
    text = next((release.root / "drift").rglob("*.groups")).read_text("utf-8")
    assert "client" not in text and len(text) < 30_000


def test_a_feature_without_slices_has_no_groups(tmp_path: Path) -> None:
    release = _Release(tmp_path, CONTRACT)

    assert release.days(30, 0.2) + release.days(20, 0.9) == []
    release.monitor.save()
    assert not list(tmp_path.rglob("*.groups"))


def test_days_with_few_decisions_count_together(release: _Release) -> None:
    release.days(70, 0.2, rows=60)
    release.monitor.save()

    (state,) = saved_groups(release.root / "drift", "prod", "credit")
    assert {len(each.days) for each in state.groups} == {17}
    assert release.days(40, 0.2, rows=60) == []


def test_a_clock_that_jumps_back_opens_no_day_twice(release: _Release) -> None:
    release.days(30, 0.2)
    release.day = 3

    assert release.days(10, 0.2) == []


def test_a_damaged_file_is_named_and_stops_no_other_release(release: _Release) -> None:
    release.days(2, 0.2)
    release.monitor.save()
    (path,) = (release.root / "drift").rglob("*.groups")
    path.write_bytes(b"{")
    release.monitor = release.restarted()

    with pytest.raises(InvalidInput, match="groups"):
        release.days(1, 0.2)
    other = msgspec.structs.replace(header(), digest="sha256:" + "cd" * 32)
    item = answer(0, np.zeros((1, 2), np.float32))
    assert list(release.monitor.add(Block.of(other, [item]), NOW)) == []


def test_however_many_groups_there_are_the_file_stays_small(tmp_path: Path) -> None:
    many = tuple(float(bound) for bound in range(1, 200))
    feature = replace(Feature("status", "number"), slices=many)
    contract = replace(YOUNG, features=(YOUNG.features[0], feature))
    release = _Release(tmp_path, contract)
    release.days(3, 0.2)
    release.monitor.save()

    (state,) = saved_groups(tmp_path / "drift", "prod", "credit")
    assert len(state.groups) == MOST_GROUPS
    full = [[20_000, 10**6, 10**7, 10**6, 10**7]] * MOST_DAYS
    for group in state.groups:
        group.days = full
    assert len(msgspec.json.encode(state)) < 1_000_000
