"""Reading and checking the log: one prediction, what is missing, and every way to cheat."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import find_prediction, records
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segment import (
    checkpoints,
    parse_checkpoint,
    render_checkpoint,
    table_of,
)
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import generate_key
from goldenpath.serve.record.spool_format import Answered
from tests.observe.spooling import DIGEST, FACTS, answer, draw, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    generate_key(home.log_key)
    return home


def _seal(home: Home, answered: list[Answered], number: int = 1, *, lost: int = 0) -> None:
    from goldenpath.release.attest.keys import PemSigner

    first = answered[0].sequence
    write_spool(spool_path(home.spool, number), answered, lost=lost, first=first)
    subjects = Subjects(home.keys)
    signer = PemSigner.load(home.log_key)
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
        log.seal(batch.path, NOW)
        tail.forget(batch.path)
    subjects.close()


def test_the_answer_of_a_shadow_is_not_taken_for_the_one_that_was_given(home: Home) -> None:
    live = answer(0, draw(1, 1))
    copy = msgspec.structs.replace(answer(1, draw(1, 2)), shadow=True)
    same = msgspec.structs.replace(copy, prediction_id=live.prediction_id)
    _seal(home, [live], 1)
    _seal(home, [same, msgspec.structs.replace(copy, sequence=2)], 2)

    assert find_prediction(home, live.prediction_id).record["decisive"] is True
    assert find_prediction(home, copy.prediction_id).record["decisive"] is False


def test_a_prediction_is_found_with_its_inputs(home: Home) -> None:
    rows = draw(3, 1)
    rows[1, 0] = float("nan")
    answered = [answer(0, rows, subjects=["a", "b", "c"]), answer(1, draw(1, 2))]
    _seal(home, answered)

    found = find_prediction(home, f"{answered[0].prediction_id}-1")
    other = find_prediction(home, answered[1].prediction_id)

    assert found.release == DIGEST and found.record["row"] == 1
    assert found.inputs == {"income": None, "status": float(rows[1, 1])}
    assert found.inputs_state == "opened and equal to the commitment"
    assert found.record["t_start"] == "2026-09-21T14:13:20.000000Z"
    assert other.prediction_id.endswith("-0") and other.inputs is not None
    with pytest.raises(NotFound):
        find_prediction(home, "f" * 32)


def test_after_an_erasure_inputs_are_gone_and_everything_still_verifies(home: Home) -> None:
    item = answer(0, draw(2, 1), subjects=["a", "b"])
    _seal(home, [item])
    subjects = Subjects(home.keys)
    subjects.erase("a")
    subjects.close()

    gone = find_prediction(home, f"{item.prediction_id}-0")
    kept = find_prediction(home, f"{item.prediction_id}-1")

    assert (gone.inputs, gone.inputs_state) == (None, "erased")
    assert kept.inputs is not None
    assert check_log(home).holds


def test_records_come_newest_first_and_can_be_filtered(home: Home) -> None:
    _seal(home, [answer(i, draw(2, i)) for i in range(5)])

    newest = list(islice(records(home, stage="prod", model="credit"), 3))

    assert [record["sequence"] for record in newest] == [4, 4, 3]
    assert list(records(home, stage="dev")) == []
    assert list(records(home, since=datetime(2030, 1, 1, tzinfo=UTC))) == []


def test_a_whole_log_holds_and_counts(home: Home) -> None:
    _seal(home, [answer(0, draw(2, 0)), answer(1, draw(0, 0), refusal="no")], 1)
    _seal(home, [answer(2, draw(3, 0))], 2)

    report = check_log(home)

    assert report.holds and report.records == 6
    (replica,) = report.replicas
    assert (replica.segments, replica.requests, replica.refused) == (2, 3, 1)
    assert replica.has_ended and replica.missing == 0


def test_missing_is_what_is_truly_missing(home: Home) -> None:
    _seal(home, [answer(0, draw(1, 0)), answer(1, draw(1, 0))], 1, lost=3)
    _seal(home, [answer(5, draw(1, 0)), answer(7, draw(1, 0))], 2, lost=2)

    (replica,) = check_log(home).replicas

    assert (replica.lost, replica.missing) == (5, 1)
    assert not check_log(home).holds


def _cheat_table(home: Home) -> None:
    table = table_of(next(checkpoints(home.predictions)))
    content = bytearray(table.read_bytes())
    content[100] ^= 1
    table.write_bytes(bytes(content))


def _cheat_drop(home: Home) -> None:
    path = next(checkpoints(home.predictions))
    table_of(path).unlink()
    path.unlink()


def _cheat_swap(home: Home) -> None:
    first, second = (table_of(path) for path in checkpoints(home.predictions))
    shutil.copy(first, second)


def _cheat_own_key(home: Home) -> None:
    path = next(checkpoints(home.predictions))
    checkpoint = parse_checkpoint(path.read_bytes(), None)
    stranger = generate_key(home.root / "stranger.pem")
    path.write_bytes(render_checkpoint(replace(checkpoint, lost=9), stranger))


def _cheat_remove_table(home: Home) -> None:
    table_of(next(checkpoints(home.predictions))).unlink()


def _cheat_move(home: Home) -> None:
    """As if another model had said it: signature and digests hold."""
    (home.predictions / "prod" / "credit").rename(home.predictions / "prod" / "other")


@pytest.mark.parametrize(
    "cheat",
    [_cheat_table, _cheat_drop, _cheat_swap, _cheat_own_key, _cheat_remove_table, _cheat_move],
)
def test_cheating_is_found(home: Home, cheat: object) -> None:
    _seal(home, [answer(0, draw(2, 0))], 1)
    _seal(home, [answer(1, draw(2, 1))], 2)
    assert check_log(home).holds
    assert callable(cheat)
    cheat(home)

    report = check_log(home)

    assert not report.holds and report.breaks


def test_a_prediction_in_a_changed_segment_is_not_shown(home: Home) -> None:
    item = answer(0, draw(200, 0))
    _seal(home, [item])
    path = next(checkpoints(home.predictions))
    checkpoint = parse_checkpoint(path.read_bytes(), None)
    path.write_bytes(render_checkpoint(checkpoint, generate_key(home.root / "stranger.pem")))

    with pytest.raises(VerificationError):
        find_prediction(home, item.prediction_id)


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no prediction log yet"):
        check_log(Home(tmp_path))
