"""Samples that nobody could choose, and the bound on the error rate that they give."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.proofs.error_bound import upper_error_bound
from goldenpath.audit.proofs.stratified_sample import Sample, allocate
from goldenpath.cli import sample
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.observe.log.segment import checkpoints
from goldenpath.times import timestamp
from tests.audit.proofs.proven_home import HELD, ProvenHome, seal_many, serve_a_home
from tests.sizes import at_size


def ask(home: ProvenHome, *words: str) -> Result:
    """`goldenpath sample` as the command line calls it."""
    return CliRunner().invoke(sample.verb, words, env=home.served.environment)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    """80 records: 59 accepted besides the first, 20 referred; a witness holds all of them."""
    made = serve_a_home(tmp_path_factory.mktemp("sampled"))
    early = ask(made, "--seed", "x")
    assert isinstance(early.exception, Unavailable), "without a head no seed is taken"
    seal_many(made.served.home, made.served.made, [0.1] * 59 + [0.9] * 20)
    made.anchor()
    return made


def test_a_head_is_shown_before_a_seed_is_chosen(home: ProvenHome) -> None:
    result = ask(home)

    assert result.exit_code == 0 and "choose a seed now" in result.stdout


def test_a_sample_has_each_outcome_by_its_share_and_is_the_same_again(home: ProvenHome) -> None:
    first, second = (
        ask(home, "--seed", "dice 4 2 6", "-n", "20", "--output", "json") for _ in "ab"
    )

    shown = json.loads(first.stdout)
    counts = Counter(each["stratum"] for each in shown["records"])
    assert counts == {"prod/credit accept": 15, "prod/credit refer": 5}
    assert len({each["prediction"] for each in shown["records"]}) == 20
    assert shown["records"] == json.loads(second.stdout)["records"]
    other = json.loads(ask(home, "--seed", "other", "-n", "20", "--output", "json").stdout)
    assert other["records"] != shown["records"]
    assert shown["bounds"]["0"] == pytest.approx(1 - 0.05 ** (1 / 20))


def test_each_drawn_record_comes_with_its_proof(home: ProvenHome, tmp_path: Path) -> None:
    result = ask(home, "--seed", "s", "-n", "2", "--bundles", str(tmp_path), "--output", "json")

    shown = json.loads(result.stdout)["records"]
    assert sorted(each["proof"] for each in shown) == sorted(map(str, tmp_path.iterdir()))
    assert [each["extra"] for each in shown] == [False, False, True], "no outcome is left out"


def test_a_seed_that_was_known_before_the_head_is_refused(home: ProvenHome) -> None:
    old = timestamp(HELD - timedelta(seconds=1))
    log = EventLog(home.served.home.events)
    log.append(Event(old, "sample.drawn", "system", details={"seed": "known"}))

    result = ask(home, "--seed", "known", "-n", "5")

    assert isinstance(result.exception, InvalidInput)
    assert "whoever writes the log could know it" in result.exception.message
    assert ask(home, "--seed", "not known", "-n", "5").exit_code == 0


def test_a_segment_that_is_gone_or_changed_stops_the_draw(home: ProvenHome) -> None:
    path = next(p for p in checkpoints(home.served.home.predictions) if "-two-" in p.name)
    before = path.read_bytes()
    path.unlink()
    try:
        result = ask(home, "--seed", "s")
    finally:
        path.write_bytes(before)

    assert isinstance(result.exception, VerificationError)


def test_a_stage_that_is_not_there_has_no_sample(home: ProvenHome) -> None:
    assert ask(home, "--seed", "s", "--stage", "dev").exit_code != 0


@pytest.mark.parametrize(
    ("errors", "drawn", "bound"),
    [(0, 60, 1 - 0.05 ** (1 / 60)), (0, 1, 0.95), (1, 20, 0.2161), (20, 20, 1.0), (2, 100, 0.0616)],
)
def test_the_bound_is_that_of_the_tables(errors: int, drawn: int, bound: float) -> None:
    assert upper_error_bound(errors, drawn) == pytest.approx(bound, abs=5e-5)


@pytest.mark.parametrize("sizes", [[80, 15, 5], [999, 1], [1], [7, 7, 7], [1000, 3, 2, 1]])
def test_an_allocation_is_whole_and_leaves_no_stratum_out(sizes: list[int]) -> None:
    strata = allocate({f"s{place}": size for place, size in enumerate(sizes)}, 60)

    assert sum(each.drawn for each in strata) == min(60, sum(sizes))
    assert all(1 <= each.drawn + each.extra <= each.size for each in strata)
    total = sum(sizes)
    assert all(abs(each.drawn - 60 * each.size / total) < 1 for each in strata if total > 60)


@pytest.mark.parametrize("rates", [(0.02, 0.2, 0.9), (0.0, 0.0, 1.0), (0.05, 0.05, 0.05)])
def test_the_bound_fails_at_most_as_often_as_it_says(rates: tuple[float, ...]) -> None:
    sizes, draws = (700, 250, 50), at_size(400, 4000)
    strata = allocate({f"s{place}": size for place, size in enumerate(sizes)}, 60)
    wrong = [round(size * rate) for size, rate in zip(sizes, rates, strict=True)]
    truth = sum(wrong) / sum(sizes)
    frame = Sample("h", HELD, "s", strata, (), 0)
    random = np.random.default_rng(7)
    found = np.array(
        [
            random.hypergeometric(bad, size - bad, each.drawn, draws)
            for bad, size, each in zip(wrong, sizes, strata, strict=True)
        ]
    ).sum(axis=0)
    bounds = {errors: frame.bound(int(errors)) for errors in set(found.tolist())}

    missed = np.mean([bounds[errors] < truth for errors in found.tolist()])
    assert missed <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / draws)


def test_a_sample_of_everything_knows_the_rate() -> None:
    strata = allocate({"a": 3, "b": 2}, 60)

    assert Sample("h", HELD, "s", strata, (), 0).bound(1) == 0.2
