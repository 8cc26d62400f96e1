"""Replays of recorded predictions: the same answer again, or the difference and its cause."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.proofs.record_draw import drawn_numbers
from goldenpath.audit.proofs.replay_statement import REPLAY
from goldenpath.audit.proofs.replayed_answer import ReplayedAnswer, compare_answers
from goldenpath.cli import replay
from goldenpath.cli.log_erase import erase
from goldenpath.errors import REFUSED, InvalidInput, NotFound, VerificationError
from goldenpath.observe.log.release_rules import Parts
from goldenpath.release.attest.verify import gather
from goldenpath.serve.model.model import OnnxModel
from tests.audit.made import contract
from tests.audit.proofs.proven_home import ProvenHome, serve_a_home
from tests.serve.onnx_graph import logistic_regression

MODEL = logistic_regression(np.array([0.01, -0.5], np.float32), -0.3)
SCORE = float(OnnxModel(MODEL, contract()).predict(np.array([[35.0, 2.0]], np.float32))[0])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> ProvenHome:
    return serve_a_home(tmp_path_factory.mktemp("replayed"), model=MODEL, score=SCORE)


def ask(home: ProvenHome, *words: str, who: str = "validator") -> Result:
    """`goldenpath replay` as the command line calls it."""
    key = home.served.home.root.parent / who
    acting = ["--as", who, "--key", str(key), "--reason", "a complaint"]
    return CliRunner().invoke(replay.verb, [*words, *acting], env=home.served.environment)


def events(home: ProvenHome) -> list[Event]:
    return list(EventLog(home.served.home.events).read())


def test_the_release_gives_the_same_answer_and_the_opening_is_an_event(home: ProvenHome) -> None:
    result = ask(home, home.served.prediction_id)

    assert result.exit_code == 0, result.exception or result.stdout
    assert f"{home.served.prediction_id}: equal" in result.stdout
    last = events(home)[-1]
    assert (last.kind, last.actor) == ("inputs.opened", "validator")
    assert last.details == {
        "predictions": [home.served.prediction_id], "stage": "prod", "purpose": "replay",
        "reason": "a complaint",
    }  # fmt: skip


def test_without_a_role_nothing_is_opened(home: ProvenHome) -> None:
    before = events(home)

    with pytest.raises(InvalidInput, match="platform-engineer may not open inputs"):
        result = CliRunner().invoke(
            replay.verb,
            [
                home.served.prediction_id, "--as", "platform-engineer", "--key",
                str(home.served.home.root.parent / "engineer"), "--reason", "curious",
            ],
            env=home.served.environment,
        )  # fmt: skip
        assert result.exception is not None
        raise result.exception
    assert events(home) == before


def test_a_sample_is_signed_and_attached_to_its_release(home: ProvenHome) -> None:
    result = ask(home, "--sample", "5", "--seed", "tonight", "--sign", "--output", "json")

    assert result.exit_code == 0, result.exception
    shown = json.loads(result.stdout)
    assert (shown["counts"], shown["records"]) == ({"equal": 1}, 1)
    store, image = home.served.made.store, home.served.made.image
    attached = {each.listed.digest.text: each for each in gather(store, image.digest).referrers}
    (digest,) = shown["statements"]
    assert REPLAY.encode() in json.dumps(dict(attached[digest].listed.annotations)).encode()


@pytest.mark.parametrize("words", [[], ["x", "--sample", "1"], ["x", "--sign"]])
def test_one_of_both_questions_is_asked(home: ProvenHome, words: list[str]) -> None:
    assert isinstance(ask(home, *words).exception, InvalidInput)


def test_an_unknown_prediction_is_not_found(home: ProvenHome) -> None:
    assert isinstance(ask(home, "f" * 32).exception, NotFound)


def test_a_release_that_was_altered_stops_the_replay(home: ProvenHome) -> None:
    blobs = home.served.home.registry / "blobs" / "sha256"
    holder = next(each for each in blobs.iterdir() if MODEL in each.read_bytes())
    before = holder.read_bytes()
    holder.chmod(0o600)
    holder.write_bytes(before.replace(MODEL, MODEL[:-1] + bytes([MODEL[-1] ^ 1])))
    try:
        result = ask(home, home.served.prediction_id)
    finally:
        holder.write_bytes(before)

    assert isinstance(result.exception, VerificationError)


def test_what_was_erased_is_not_replayed_and_says_so(home: ProvenHome) -> None:
    key = home.served.home.root.parent / "manager"
    words = ["client", "--as", "manager", "--key", str(key), "--reason", "they asked"]
    assert CliRunner().invoke(erase, words, env=home.served.environment).exit_code == 0

    result = ask(home, home.served.prediction_id)

    assert result.exit_code == REFUSED
    assert "no key opens them" in result.stdout


NO_PARTS = Parts()


def compared(
    record: Mapping[str, object], score: float = 0.2, parts: Parts = NO_PARTS, *causes: str
) -> ReplayedAnswer:
    """The comparison of a record with one score, by a contract with bands at 0.3."""
    recorded = {
        "prediction_id": "p-0", "release_digest": "sha256:1", "score": 0.2, "band": "low",
        "outcome": "accept", "class": None, "fallback_used": False, **record,
    }  # fmt: skip
    given: NDArray[np.floating] = np.array([[score]], np.float64)
    (answer,) = compare_answers([recorded], given, contract(), parts, causes=causes)
    return answer


def test_each_difference_is_named_with_its_cause() -> None:
    assert compared({}).state == "equal"
    assert compared({}, 0.2 + 1e-7).state == "rounding"
    assert compared({}, 0.2001).differences == ("score: recorded 0.2, replayed 0.2001",)
    assert compared({}, 0.2001).causes == ("nothing on record explains it",)
    assert compared({}, 0.2001, NO_PARTS, "another processor").causes == ("another processor",)
    other = compared({"decision_policy_digest": "a"}, 0.2001, Parts(decision="b"))
    assert "another decision policy" in other.causes[0]
    assert compared({}, 0.4).differences[1:] == (
        "band: recorded low, replayed high", "outcome: recorded accept, replayed refer",
    )  # fmt: skip
    fallen = compared({"score": None, "error_class": "model", "fallback_used": True})
    assert fallen.state == "different" and "gave no answer then" in fallen.causes[0]
    assert compared({"reasons": [{"code": "R1", "weight": 1.0}]}).state == "different"


def test_a_changed_outcome_is_never_rounding() -> None:
    near = compared({"score": 0.3 - 1e-7}, 0.3 + 1e-7)

    assert near.state == "different"


@pytest.mark.parametrize(("total", "count"), [(1, 1), (10, 3), (10, 10), (3, 9), (10**7, 60)])
def test_a_draw_is_without_repetition_and_the_same_each_time(total: int, count: int) -> None:
    drawn = drawn_numbers(b"seed", total, count)

    assert drawn == drawn_numbers(b"seed", total, count)
    assert len(set(drawn)) == len(drawn) == min(total, count)
    assert all(0 <= each < total for each in drawn)
    assert count >= total or drawn != drawn_numbers(b"another", total, count)


def test_each_record_is_drawn_equally_often() -> None:
    counts = np.zeros(20)
    for seed in range(2000):
        counts[drawn_numbers(str(seed).encode(), 20, 5)] += 1

    assert abs(counts - 500).max() < 6 * np.sqrt(500 * 0.75), "six standard deviations"


def test_places_name_each_drawn_record_once(home: ProvenHome, tmp_path: Path) -> None:
    first = ask(home, "--sample", "1", "--seed", "a", "--output", "json")
    second = ask(home, "--sample", "1", "--seed", "a", "--output", "json")

    assert json.loads(first.stdout)["answers"] == json.loads(second.stdout)["answers"]
