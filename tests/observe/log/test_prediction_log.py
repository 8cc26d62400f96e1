"""Sealing: each record exactly once, encrypted, chained and signed, whatever happens meanwhile."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from goldenpath.errors import GoldenPathError, InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segment import checkpoints, parse_checkpoint, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from tests.observe.spooling import FACTS, answer, draw, header, score, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


class _Home:
    """A log with its spool, opened anew as after a restart by `open`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.spool = root / "spool"
        self.predictions = root / "predictions"
        self.signer: PemSigner = generate_key(root / "keys" / "log.pem")
        self.said: list[str] = []
        self.open()

    def open(self) -> None:
        self.subjects = Subjects(self.root / "keys")
        self.log = PredictionLog(self.predictions, self.subjects, self.signer, lambda digest: FACTS)
        self.tail = Tail(self.spool, self.log.resume, self.said.append)

    def read(self) -> None:
        for batch in self.tail.batches():
            self.log.add(batch, 0.0)

    def seal(self) -> int:
        self.read()
        rows = 0
        for path in self.log.waiting():
            checkpoint, is_last = self.log.seal(path, NOW)
            rows += checkpoint.rows if checkpoint else 0
            if is_last:
                self.tail.forget(path)
        return rows

    def ids(self) -> list[str]:
        return [
            str(value)
            for path in checkpoints(self.predictions)
            for value in pq.read_table(table_of(path))["prediction_id"].to_pylist()
        ]


@pytest.fixture
def home(tmp_path: Path) -> _Home:
    return _Home(tmp_path)


def test_every_prediction_becomes_one_record_and_the_spool_file_goes(home: _Home) -> None:
    rows = draw(5, 1)
    answered = [
        answer(0, rows[:3], subjects=["a", "b", "a"], traceparent=f"00-{'1' * 32}-{'2' * 16}-01"),
        answer(1, rows[:0], refusal="column income is missing", status=400),
        answer(2, rows[3:]),
    ]
    write_spool(spool_path(home.spool), answered)

    assert home.seal() == 6
    assert not list(home.spool.iterdir())
    (path,) = checkpoints(home.predictions)
    table = pq.read_table(table_of(path)).to_pylist()

    assert path.name.startswith("20261122T09-r1-0.")
    assert [r["prediction_id"] for r in table[:2]] == [
        f"{answered[0].prediction_id}-0",
        f"{answered[0].prediction_id}-1",
    ]
    assert table[0]["subject_ref"] == table[2]["subject_ref"] != table[1]["subject_ref"]
    assert table[3]["refusal"] == "column income is missing" and table[3]["score"] is None
    assert table[4]["subject_ref"] is None and table[4]["input_ciphertext"] is not None
    assert table[0]["trace_id"] == "1" * 32
    assert table[0]["score"] == float(score(rows)[0])
    policy = FACTS.contract.decision
    assert policy is not None
    band = next(b for b in policy.bands if table[0]["score"] < b.below)
    assert (table[0]["band"], table[0]["outcome"]) == (band.name, band.outcome)


def test_inputs_open_with_the_key_of_the_person_and_agree_with_the_commitment(home: _Home) -> None:
    rows = draw(1, 1)
    write_spool(spool_path(home.spool), [answer(0, rows, subjects=["client-7"])])
    home.seal()
    (record,) = pq.read_table(table_of(next(checkpoints(home.predictions)))).to_pylist()

    subject = home.subjects.find("client-7", "2026-11-22 prod")

    assert subject is not None and subject.reference == record["subject_ref"]
    plain = subject.open(record["input_ciphertext"], record["prediction_id"])
    assert plain[16:] == rows.tobytes()
    assert hashlib.sha256(plain).digest() == record["input_commitment"]
    with pytest.raises(VerificationError):
        subject.open(record["input_ciphertext"], "another-0")


def test_an_erased_person_gets_a_new_pseudonym_and_the_old_inputs_stay_closed(home: _Home) -> None:
    first = home.subjects.keep(["client-7"], "2026-11-22 prod")["client-7"]
    other = Subjects(home.root / "keys")

    assert other.erase("client-7") is not None
    assert other.erase("client-7") is None
    again = home.subjects.keep(["client-7"], "2026-11-22 prod")["client-7"]

    assert again.reference != first.reference
    ciphertext = bytes(12) + first.cipher.encrypt(bytes(12), b"secret", b"id-0")
    with pytest.raises(VerificationError):
        again.open(ciphertext, "id-0")


def test_keys_and_plain_inputs_stand_in_no_file_of_the_log(home: _Home) -> None:
    rows = draw(1, 1)
    write_spool(spool_path(home.spool), [answer(0, rows, subjects=["client-7"])])
    home.seal()

    for path in home.predictions.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"client-7" not in content
            assert rows.tobytes() not in content


def test_segments_of_a_replica_are_a_chain_signed_by_the_key_of_the_log(home: _Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(2, 1))], end=False)
    home.seal()
    write_spool(path, [], end=False)
    write_spool(spool_path(home.spool, 2), [answer(1, draw(3, 2))], lost=4, first=1)
    home.seal()

    first, second = (p.read_bytes() for p in checkpoints(home.predictions))
    one, two = (parse_checkpoint(c, home.signer.public_key()) for c in (first, second))

    assert (one.number, two.number) == (0, 1)
    assert two.previous == "sha256:" + hashlib.sha256(first).hexdigest()
    assert (two.lost, two.first_sequence, two.rows) == (4, 1, 3)
    stranger = generate_key(home.root / "stranger.pem")
    with pytest.raises(VerificationError, match="not signed"):
        parse_checkpoint(first, stranger.public_key())
    with pytest.raises(GoldenPathError):
        parse_checkpoint(first.replace(b"a", b"b", 40), home.signer.public_key())


@pytest.mark.parametrize("killed_after", ["nothing", "table", "checkpoint"])
def test_a_kill_at_any_point_neither_loses_nor_doubles(home: _Home, killed_after: str) -> None:
    answered = [answer(i, draw(4, i)) for i in range(3)]
    path = spool_path(home.spool)
    write_spool(path, answered)
    content = path.read_bytes()
    home.seal()
    made = next(checkpoints(home.predictions))
    path.write_bytes(content)
    if killed_after in {"nothing", "table"}:
        made.unlink()
    if killed_after == "nothing":
        table_of(made).unlink()

    home.open()
    home.seal()

    expected = [f"{a.prediction_id}-{row}" for a in answered for row in range(4)]
    assert home.ids() == expected
    assert not path.exists()
    assert len(list(home.predictions.rglob("*.parquet"))) == 1


def test_a_file_that_grows_is_sealed_piece_by_piece(home: _Home) -> None:
    path = spool_path(home.spool)
    answered = [answer(i, draw(2, i)) for i in range(4)]
    write_spool(path, answered[:2], end=False)
    with path.open("rb") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        assert home.seal() == 4
        assert path.exists()
        write_spool(path, answered[:3], end=False)
        assert home.seal() == 2
        home.open()
        write_spool(path, answered)
        assert home.seal() == 2

    assert home.ids() == [f"{a.prediction_id}-{row}" for a in answered for row in range(2)]
    assert not path.exists()


def test_a_torn_tail_of_a_killed_server_is_noted_and_the_rest_sealed(home: _Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(2, 0)), answer(1, draw(2, 1))], end=False)
    path.write_bytes(path.read_bytes()[:-5])

    assert home.seal() == 2
    checkpoint = parse_checkpoint(next(checkpoints(home.predictions)).read_bytes(), None)

    assert checkpoint.torn > 0 and checkpoint.is_last
    assert not path.exists()


def test_a_damaged_spool_file_is_left_as_evidence(home: _Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(2, 0))])
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(bytes(content))
    write_spool(spool_path(home.spool, replica="r2"), [answer(0, draw(3, 0))])

    assert home.seal() == 3
    assert path.exists()
    assert "checksum" in home.said[0]


def test_a_damaged_spool_file_breaks_the_log_and_is_named_by_the_check(home: _Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(2, 0))])
    whole = check_log(Home(home.root))
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(bytes(content))

    report = check_log(Home(home.root))

    assert (whole.holds, whole.waiting > 0) == (True, True)
    assert not report.holds
    assert [path.name in each and "checksum" in each for each in report.breaks] == [True]


def test_records_wait_until_they_are_old_or_many(home: _Home) -> None:
    path = spool_path(home.spool)
    write_spool(path, [answer(0, draw(10, 0))], end=False)
    with path.open("rb") as held:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        home.read()

    assert home.log.due(1.0, seconds=5, rows=100) == []
    assert home.log.due(6.0, seconds=5, rows=100) == [path]
    assert home.log.due(1.0, seconds=5, rows=10) == [path]


def test_a_log_with_a_missing_segment_is_not_continued(home: _Home) -> None:
    for number in (1, 2):
        write_spool(spool_path(home.spool, number), [answer(number, draw(1, 0))])
        home.seal()
    next(checkpoints(home.predictions)).unlink()

    home.open()
    with pytest.raises(InvalidInput, match="has a gap"):
        home.log.resume(header(), "x.spool")


def test_sealing_again_later_continues_the_numbers(home: _Home) -> None:
    write_spool(spool_path(home.spool, 1), [answer(0, draw(1, 0))])
    home.seal()
    home.open()
    write_spool(spool_path(home.spool, 2), [answer(1, draw(1, 0))], first=1)
    home.read()
    (path,) = home.log.waiting()

    checkpoint, _ = home.log.seal(path, NOW + timedelta(hours=2))

    assert checkpoint is not None and checkpoint.number == 1
    names = [p.name for p in checkpoints(home.predictions)]
    assert names == ["20261122T09-r1-0.checkpoint.json", "20261122T11-r1-1.checkpoint.json"]
