"""Replays of recorded predictions: the same answer again, or the difference and its cause."""

import json
import platform
from collections.abc import Mapping
from dataclasses import replace
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
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import PythonModel
from goldenpath.release.artifact.pack import Contents
from goldenpath.release.attest.verify import gather
from goldenpath.serve.model.model import OnnxModel
from goldenpath.train.environment.runtime import Runtime
from goldenpath.train.training_run import Package
from tests.audit.made import contract, documents, run_of
from tests.audit.proofs.proven_home import ProvenHome, seal_many, serve_a_home
from tests.audit.served import serve_once
from tests.serve.onnx_graph import logistic_regression
from tests.serve.wheel import repacked
from tests.sizes import at_size, full_size

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


def test_every_replay_of_a_large_sample_is_equal(tmp_path: Path) -> None:
    """Other inputs than those of the first answer, each with what a server gave for it."""
    count = at_size(100, 10_000)
    rows = np.array([[20.0 + number, 2.0] for number in range(count)], np.float32)
    scores = [float(OnnxModel(MODEL, contract()).predict(rows[[n]])[0]) for n in range(count)]
    assert len(set(scores)) > 50, "the inputs matter"
    many = serve_a_home(tmp_path, model=MODEL, score=SCORE)
    seal_many(many.served.home, many.served.made, scores)

    result = ask(many, "--sample", str(count + 1), "--seed", "tonight", "--output", "json")

    shown = json.loads(result.stdout)
    assert (shown["counts"], shown["records"]) == ({"equal": count + 1}, count + 1)


CODE = """import numpy as np

def load(files):
    weights = np.loadtxt(files / "weights.txt", dtype=np.float32)
    return lambda rows: 1 / (1 + np.exp(-(rows @ weights - np.float32(0.3))))
"""


@full_size("test_the_release_gives_the_same_answer_and_the_opening_is_an_event")
def test_a_release_that_is_code_answers_again_in_its_own_environment(tmp_path: Path) -> None:
    weights, row = np.array([0.01, -0.5], np.float32), np.array([[35.0, 2.0]], np.float32)
    score = float((1 / (1 + np.exp(-(row @ weights - np.float32(0.3)))))[0])
    (tmp_path / "wheels").mkdir()
    wheel = repacked("numpy", tmp_path / "wheels")

    def as_code(contents: Contents) -> Contents:
        (contents.outputs / "weights.txt").write_text("0.01 -0.5")
        python = PythonModel("scoring:load", time_limit=5.0, memory_limit=2048)
        return replace(
            contents,
            contract=render_contract(replace(contract(), python=python)),
            python_version=platform.python_version(),
            model_files=("weights.txt",),
            model_format="python",
            runtime=Runtime(("weights.txt",), platform.python_version(), (wheel,)),
            code={"scoring.py": CODE.encode()},
            wheels={wheel.file: tmp_path / "wheels" / wheel.file},
        )

    run = run_of(documents())
    used = replace(
        run.environment,
        python=platform.python_version(),
        packages=(Package(wheel.name, wheel.version, (wheel.digest,)),),
    )
    run = replace(run, environment=used)
    served, grounds = serve_once(tmp_path, score=score, change=as_code, run=run)
    code = ProvenHome(served, grounds)

    again = ask(code, served.prediction_id)
    signed = ask(code, "--sample", "1", "--sign", "--output", "json")

    assert again.exit_code == 0, again.exception or again.stdout
    assert f"{served.prediction_id}: equal" in again.stdout
    assert json.loads(signed.stdout)["statements"]


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
