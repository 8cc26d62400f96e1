"""The ledger of looks: every signed evaluation counts, and what cannot be read is said."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.audit.test_sets.look_ledger import gather_looks
from goldenpath.cli import test_sets
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.promote.gates.test_sets.data_looks import LookLedger
from goldenpath.promote.gates.test_sets.optimism import bound_of_adaptive
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.statement import METRICS
from goldenpath.train.training_run import TrainingRun
from tests.audit.registers.asking import records_of
from tests.promote.road import Road, good_run


def run_on(content: bytes, day: int, rows: int) -> TrainingRun:
    """A run on data with that content."""
    run = good_run()
    data = tuple(dataclasses.replace(each, digest=Digest.of(content).text) for each in run.datasets)
    started = f"2026-11-{day:02}T08:00:00Z"
    return dataclasses.replace(run, datasets=data[:1], started_at=started, rows_evaluated=rows)


class Looked:
    """Three releases on the same data, one of them in a stage, and one on others."""

    def __init__(self, folder: Path) -> None:
        self.road = road = Road(folder)
        runs = ((b"same", 3, 600), (b"same", 1, 500), (b"same", 2, 700), (b"other", 4, 100))
        self.releases = [
            road.release(str(place).encode(), run_on(*run)) for place, run in enumerate(runs)
        ]
        for release in self.releases:
            road.store.tag(f"credit-default-{release.hex[:12]}", road.store.resolve(release.text))

    def ledger(self) -> LookLedger:
        return gather_looks(records_of(self.road, self.road.now), self.road.home)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    return Looked(tmp_path_factory.mktemp("looked"))


def test_every_signed_evaluation_is_a_look_at_its_data(looked: Looked) -> None:
    same, other = looked.ledger().data

    assert (same.digest, other.digest) == (Digest.of(b"same").text, Digest.of(b"other").text)
    assert [each.time[:10] for each in same.looks] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert (same.rows, len(other.looks)) == (500, 1)
    assert same.adaptive_bound == bound_of_adaptive(3, 500) > same.fixed_bound


def test_the_verb_shows_looks_and_bounds(looked: Looked) -> None:
    environment = {"GOLDENPATH_HOME": str(looked.road.home.root)}

    result = CliRunner().invoke(test_sets.verb, ["--output", "json"], env=environment)

    assert result.exit_code == 0, result.exception
    shown = json.loads(result.stdout)
    assert len(shown["ledger"]["data"][0]["looks"]) == 3
    bounds = shown["bounds"][Digest.of(b"same").text]
    assert bounds["adaptive"] == pytest.approx(bound_of_adaptive(3, 500))
    assert "evaluations that nobody signed" in " ".join(shown["ledger"]["unknown"])


def test_a_release_that_cannot_be_read_may_be_a_look(looked: Looked) -> None:
    records = records_of(looked.road, looked.road.now)

    def unread(digest: Digest) -> Verified:
        if digest == looked.releases[0]:
            raise Unavailable("the registry does not answer")
        return records.read_statements(digest)

    ledger = gather_looks(dataclasses.replace(records, read_statements=unread), looked.road.home)

    assert (len(ledger.data[0].looks), ledger.data[0].perhaps) == (2, 1)
    assert ledger.data[0].adaptive_bound == bound_of_adaptive(3, 500), "a loss flatters nobody"
    assert any("cannot be read: the registry does not answer" in each for each in ledger.unknown)


def test_a_statement_that_nobody_listed_signed_is_no_look(tmp_path: Path) -> None:
    made = Looked(tmp_path)
    records = records_of(made.road, made.road.now)

    def stripped(digest: Digest) -> Verified:
        known = records.read_statements(digest)
        kept = tuple(s for s in known.statements if s.statement.predicate_type != METRICS)
        return dataclasses.replace(known, statements=kept)

    assert made.ledger().data
    assert (
        gather_looks(dataclasses.replace(records, read_statements=stripped), made.road.home).data
        == ()
    )
