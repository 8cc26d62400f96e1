"""The log knows what it lost: disk full, a sink that is away, clocks that jump, a tail cut off."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor, check_log
from goldenpath.observe.log.log_reader import find_prediction
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.retention import end_what_is_old, expire_inputs, expire_records
from goldenpath.observe.log.segment import checkpoints, parse_checkpoint, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.processes.observer_launch import Keep, Keeping
from goldenpath.release.attest.keys import PemSigner, generate_key
from tests.observe.spooling import FACTS, answer, draw, spool_path, write_spool
from tests.serve.record.test_spool import Full
from tests.serve.running import INFER, ROW, question, run, running

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    generate_key(home.log_key)
    return home


def _seal(home: Home, now: datetime = NOW) -> None:
    """Seals what stands in the spool, as a sealer that was just started."""
    subjects = Subjects(home.keys)
    try:
        log = PredictionLog(
            home.predictions, subjects, PemSigner.load(home.log_key), lambda digest: FACTS
        )
        tail = Tail(home.spool, log.resume, pytest.fail)
        for batch in tail.batches():
            log.add(batch, 0.0)
        for path in log.waiting():
            if log.seal(path, now)[1]:
                tail.forget(path)
    finally:
        subjects.close()


def _segments(home: Home, times: list[datetime]) -> None:
    for number, now in enumerate(times):
        path = spool_path(home.spool, number + 1)
        write_spool(path, [answer(number, draw(2, number), subjects=["a", "b"])], first=number)
        _seal(home, now)


def test_requests_that_a_full_disk_cost_are_counted_to_the_last(tmp_path: Path) -> None:
    disk, home = Full(), Home(tmp_path)
    generate_key(home.log_key)
    answered = 0

    async def main() -> None:
        nonlocal answered
        async with running(tmp_path) as server:
            assert server.spool is not None
            for count, is_full in ((5, False), (7, True), (3, False), (4, True), (2, False)):
                if is_full:
                    disk.set(server.spool.path.stat().st_size)
                try:
                    for _ in range(count):
                        answered += (await server.ask(INFER, question(ROW))).status == 200
                finally:
                    disk.clear()

    run(main)
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, PemSigner.load(home.log_key), lambda _: None)
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
    for path in log.waiting():
        log.seal(path, NOW)
    subjects.close()
    (replica,) = check_log(home).replicas
    assert (answered, replica.requests, replica.lost, replica.missing) == (21, 10, 11, 0)
    assert check_log(home).holds


def test_a_sink_that_is_away_delays_and_loses_nothing(home: Home) -> None:
    path = spool_path(home.spool)
    answered = [answer(number, draw(3, number)) for number in range(4)]
    write_spool(path, answered)
    home.predictions.write_text("where the log should be is something else")

    for _ in range(2):
        with pytest.raises(OSError, match="predictions"):
            _seal(home)
        assert path.exists()
    home.predictions.unlink()
    _seal(home)

    (replica,) = check_log(home).replicas
    assert (replica.requests, replica.lost, replica.missing) == (4, 0, 0)
    assert replica.records == 12 and not path.exists()


def test_clocks_that_jump_change_no_order_and_are_told(home: Home) -> None:
    days = [0, -3, -2, 400, 1]
    _segments(home, [NOW + timedelta(days=each) for each in days])

    report = check_log(home)

    assert report.holds
    assert [replica.clock_jumps for replica in report.replicas] == [2]
    assert "the clock went back 2 times" in report.page()


def test_a_tail_that_was_cut_off_is_missed_by_the_other_witness(home: Home) -> None:
    _segments(home, [NOW, NOW, NOW])
    found = [parse_checkpoint(path.read_bytes(), None) for path in checkpoints(home.predictions)]
    anchors = [
        Anchor(each.stage, each.model, each.replica, each.number, each.content) for each in found
    ]
    assert check_log(home, anchors).holds

    last = list(checkpoints(home.predictions))[-1]
    table_of(last).unlink()
    last.unlink()

    assert check_log(home).holds, "nothing in the log itself shows it"
    report = check_log(home, anchors)
    assert not report.holds
    assert report.breaks[0].startswith("r1 segment 2 is gone: another record names it as sha256:")
    other = Anchor("prod", "credit", "r1", 1, "sha256:" + "0" * 64)
    assert "segment 1 is another" in check_log(home, [other]).breaks[0]
    gone = Anchor("prod", "credit", "r9", 0, "sha256:" + "0" * 64)
    assert "r9 segment 0 is gone" in check_log(home, [gone]).breaks[0]


def test_old_inputs_are_closed_and_every_proof_still_holds(home: Home) -> None:
    _segments(home, [NOW - timedelta(days=200), NOW])
    old, new = (
        str(pq.read_table(table_of(path))["prediction_id"][0].as_py())
        for path in checkpoints(home.predictions)
    )
    before = find_prediction(home, old)
    assert before.inputs is not None

    assert expire_inputs(home, date(2026, 8, 1)) == ["2026-05-06 prod"]
    assert expire_inputs(home, date(2026, 8, 1)) == []

    closed, kept = find_prediction(home, old), find_prediction(home, new)
    assert (closed.inputs, closed.inputs_state) == (None, "expired")
    assert closed.record["score"] == before.record["score"]
    assert closed.record["subject_ref"] == kept.record["subject_ref"]
    assert closed.commitment == before.commitment
    assert kept.inputs is not None
    assert check_log(home).holds


def test_old_records_are_deleted_and_what_they_proved_still_holds(home: Home) -> None:
    _segments(home, [NOW, NOW, NOW])
    _, second, _ = checkpoints(home.predictions)
    # All were answered at one time, so they are old together; a gap from before has to stay one.
    table_of(second).unlink()
    second.unlink()
    assert not check_log(home).holds

    far = datetime(2027, 1, 1, tzinfo=UTC)
    assert expire_records(home, datetime(2020, 1, 1, tzinfo=UTC), far) == []
    assert len(expire_records(home, far, far)) == 2
    assert expire_records(home, far, far) == []

    (replica,) = check_log(home).replicas
    assert (replica.expired, replica.requests, replica.missing) == (2, 2, 1)
    with pytest.raises(NotFound):
        find_prediction(home, "f" * 32)


def test_a_table_that_goes_without_a_word_or_with_a_false_one_is_missed(home: Home) -> None:
    _segments(home, [NOW, NOW])
    far = datetime(2027, 1, 1, tzinfo=UTC)
    first, _ = checkpoints(home.predictions)
    expire_records(home, far, far)
    assert check_log(home).holds
    words = sorted(first.parent.glob("*.expired.json"))

    words[0].write_bytes(words[1].read_bytes())
    assert "is about something else" in check_log(home).breaks[0]
    words[0].unlink()
    assert "is gone" in check_log(home).breaks[0]


def test_what_a_stage_keeps_no_longer_is_ended_by_itself(home: Home) -> None:
    _segments(home, [NOW - timedelta(days=200), NOW])
    old = str(pq.read_table(table_of(next(checkpoints(home.predictions))))["prediction_id"][0])
    far = datetime(2027, 1, 1, tzinfo=UTC)

    def ended(*keep: Keep, now: datetime = NOW) -> list[tuple[object, object, object]]:
        events = end_what_is_old(home, Keeping(keep), now)
        return [
            (each["what"], each["stage"], len(list(str(each["gone"]).split(","))))
            for each in events
        ]

    assert ended() == ended(Keep("prod")) == ended(Keep("prod", 365, 3650)) == []
    assert ended(Keep("dev", 100, 100), now=far) == []
    assert ended(Keep("prod", 100, 3650)) == [("inputs", "prod", 1)]
    assert find_prediction(home, old).inputs_state == "expired"
    assert ended(Keep("prod", 100, 3650)) == []
    assert ended(Keep("dev", 9), Keep("prod", 90, 90), now=far) == [("records", "prod", 2)]
    assert check_log(home).holds and check_log(home).replicas[0].expired == 2


def test_keys_of_before_stages_had_their_own_go_with_the_longest(home: Home) -> None:
    subjects = Subjects(home.keys)
    subjects.keep(["a"], "2026-01-01")
    subjects.keep(["a"], "2026-01-01 prod")

    assert subjects.expire("2026-06-01", "prod") == ["2026-01-01 prod"]
    assert [*end_what_is_old(home, Keeping((Keep("dev", 0), Keep("prod", 9))), NOW)] == []
    (event,) = end_what_is_old(home, Keeping((Keep("dev", 300), Keep("prod", 9))), NOW)
    assert event["gone"] == ["2026-01-01"]
    subjects.close()


def test_a_segment_that_was_changed_is_not_ended(home: Home) -> None:
    _segments(home, [NOW])
    table_of(next(checkpoints(home.predictions))).write_bytes(b"something else")

    with pytest.raises(VerificationError, match="wrong digest"):
        list(
            end_what_is_old(home, Keeping((Keep("prod", 0, 1),)), datetime(2027, 1, 1, tzinfo=UTC))
        )
