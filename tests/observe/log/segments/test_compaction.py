"""Packing small segments: each keeps its bytes and its name, whatever happens meanwhile."""

import shutil
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.home import Home
from goldenpath.observe.drift.batch_data import batch_files
from goldenpath.observe.drift.table_counts import count_batch
from goldenpath.observe.log.keeping.held_records import records_to_hold
from goldenpath.observe.log.keeping.legal_hold import place_hold
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import find_prediction, records
from goldenpath.observe.log.log_storage import LogStorage
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.retention import expire_records
from goldenpath.observe.log.segment import SUFFIX, parse_checkpoint
from goldenpath.observe.log.segments.compaction import PackedSize, compact
from goldenpath.observe.log.segments.packed_file import PACKED, SegmentContent, open_packed
from goldenpath.observe.log.segments.parquet_footer import FooterFrame, ParquetParts
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.serve.record.spool_format import SpoolMark, render_frame
from goldenpath.settings import ObjectStore
from tests.observe.log.test_prediction_log import NOW
from tests.observe.spooling import FACTS, answer, draw, header, spool_path
from tests.sizes import at_size

SMALL = PackedSize(segments=5, bytes=1_000_000)
LATER = NOW + timedelta(days=400)


def seal_segments(
    home: Home,
    count: int,
    *,
    replica: str = "r1",
    end: bool = True,
    subject: str = "a",
    answers_each: int = 1,
) -> list[str]:
    """Seal segments of a replica with one answer or more; return the prediction ids."""
    row = draw(1, 1)
    total = count * answers_each
    answers = [answer(number, row, subjects=[subject]) for number in range(total)]
    turns = [answers[at : at + answers_each] for at in range(0, total, answers_each)]
    frames = [render_frame(header(replica)), *map(render_frame, turns)]
    path = spool_path(home.spool, replica=replica)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(frames) + (render_frame(SpoolMark(end=True)) if end else b""))
    signer = PemSigner.load(home.log_key) if home.log_key.exists() else generate_key(home.log_key)
    subjects = Subjects(home.keys)
    log = PredictionLog(home.predictions, subjects, signer, lambda _: FACTS)
    tail = Tail(home.spool, log.resume, pytest.fail)
    tail.has_more = True
    while tail.has_more:
        for batch in tail.batches(1):
            log.add(batch, 0.0)
            if log.seal(batch.path, NOW)[1]:
                tail.forget(batch.path)
    subjects.close()
    return [f"{each.prediction_id}-0" for each in answers]


def pack(home: Home, *, everything: bool = True, full: PackedSize = SMALL) -> tuple[str, ...]:
    """Pack and return why segments were left."""
    signer = PemSigner.load(home.log_key)
    done = compact(
        home.predictions, signer.public_key(), signer=signer, everything=everything, full=full
    )
    return done.left


def contents(home: Home) -> Mapping[str, SegmentContent]:
    """Everything that is stored, by segment."""
    return {each.relative: each.content() for each in stored_segments(home.predictions)}


def ids_of(home: Home) -> list[str]:
    """The ids of all records, in the order of their segments."""
    return [
        str(name)
        for each in contents(home).values()
        if each.table is not None
        for name in pq.read_table(BytesIO(each.table))["prediction_id"].to_pylist()
    ]


def files(home: Home) -> Mapping[str, bytes]:
    """The files of the log."""
    paths = [each for each in home.predictions.rglob("*") if each.is_file()]
    return {str(each.relative_to(home.predictions)): each.read_bytes() for each in paths}


def unsigned(home: Home) -> Mapping[str, bytes]:
    """The files of the log without the signatures of packed files: each of these is another."""
    found = dict(files(home))
    for path in home.predictions.rglob(f"*{PACKED}"):
        signature = open_packed(path).directory.signature
        begin, _, end = path.read_bytes().partition(b64encode(signature))
        assert signature and end
        # Behind the directory stand its digest, its length and a mark.
        _, closing, shown = end.partition(b'"}')
        found[str(path.relative_to(home.predictions))] = begin + closing + shown[36:]
    return found


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[str]]:
    """Twelve segments of a replica, and three of another one."""
    home = Home(tmp_path_factory.mktemp("sealed"))
    first = seal_segments(home, 11)
    return home, first + seal_segments(home, 2, replica="a-2", subject="b")


@pytest.fixture
def home(sealed: tuple[Home, list[str]], tmp_path: Path) -> Home:
    shutil.copytree(sealed[0].root, tmp_path / "home")
    return Home(tmp_path / "home")


def test_every_byte_and_every_answer_is_the_same(
    home: Home, sealed: tuple[Home, list[str]]
) -> None:
    before, report = contents(home), check_log(home)
    shown, traced = list(records(home)), [find_prediction(home, each) for each in sealed[1]]

    assert pack(home) == ()

    assert sorted(files(home)) == [
        "lock",
        "prod/credit/20261122T09-a-2.0-2.packed.parquet",
        "prod/credit/20261122T09-r1.0-4.packed.parquet",
        "prod/credit/20261122T09-r1.10-11.packed.parquet",
        "prod/credit/20261122T09-r1.5-9.packed.parquet",
    ]
    assert contents(home) == before
    assert check_log(home) == report and report.holds
    assert list(records(home)) == shown
    assert [find_prediction(home, each) for each in sealed[1]] == traced


def test_other_programs_read_a_packed_file_as_one_table(home: Home) -> None:
    before = contents(home)
    pack(home)

    for path in home.predictions.rglob(f"*{PACKED}"):
        names = [f"prod/credit/{stem}{SUFFIX}" for stem in open_packed(path).places]
        tables = [pq.read_table(BytesIO(before[name].table or b"")) for name in names]
        whole = pq.read_table(path)
        assert whole.to_pylist() == pa.concat_tables(tables).to_pylist()
        assert whole.schema == tables[0].schema


def test_killed_at_each_step_nothing_is_lost_or_there_twice(home: Home) -> None:
    before, report, ids = files(home), check_log(home), ids_of(home)
    pack(home)
    after, same = files(home), unsigned(home)
    packed = [name for name in after if name.endswith(PACKED)]
    steps = 0
    for state in _states(before, after, packed):
        shutil.rmtree(home.predictions)
        for name, content in state.items():
            path = home.predictions / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        steps += 1
        if (steps - 1) % at_size(9, 1):
            continue
        assert check_log(home) == report
        assert ids_of(home) == ids
        assert pack(home) == ()
        assert unsigned(home) == same, "and the same segments always give the same file"
    assert steps == 38


def _states(
    before: Mapping[str, bytes], after: Mapping[str, bytes], packed: list[str]
) -> "list[dict[str, bytes]]":
    """What is on the disk after each step of packing: writing, renaming, removing file by file."""
    now, states = dict(before), []
    for name in packed:
        folder, _, file = name.rpartition("/")
        states.append({**now, f"{folder}/.{file}.1.partial": after[name][:1000]})
        now[name] = after[name]
        states.append(dict(now))
        path = name.removesuffix(PACKED)
        replica, _, numbers = path.rpartition(".")
        first, last = map(int, numbers.split("-"))
        for number in range(first, last + 1):
            for suffix in (SUFFIX, ".parquet"):
                del now[f"{replica}-{number}{suffix}"]
                states.append(dict(now))
    return [{name: each[name] for name in each if name != "lock"} for each in states]


def test_whoever_listed_segments_before_reads_them_after(home: Home) -> None:
    listed, before = list(stored_segments(home.predictions)), contents(home)
    pack(home)

    assert {each.relative: each.content() for each in listed} == before
    assert all(each.has_table() and not each.is_expired() for each in listed)


def test_only_what_fills_a_file_is_packed_while_a_replica_goes_on(tmp_path: Path) -> None:
    home = Home(tmp_path)
    seal_segments(home, 6, end=False)
    signer = PemSigner.load(home.log_key)
    for path in home.predictions.rglob(f"*-6{SUFFIX}"):
        path.unlink()  # that its writer ended without a word
    for path in home.predictions.rglob("*-6.parquet"):
        path.unlink()
    assert not parse_checkpoint(
        next(home.predictions.rglob(f"*-5{SUFFIX}")).read_bytes(), signer.public_key()
    ).is_last

    pack(home, everything=False)
    assert sorted(each.packed != "" for each in stored_segments(home.predictions)) == [
        False, True, True, True, True, True
    ]  # fmt: skip


def test_a_replica_goes_on_after_its_segments_were_packed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    row = draw(1, 1)
    answers = [answer(number, row) for number in range(6)]
    frames = [render_frame(header()), *(render_frame([each]) for each in answers)]
    path = spool_path(home.spool)
    path.parent.mkdir(parents=True)
    signer = generate_key(home.log_key)
    for content in (frames[:4], [*frames, render_frame(SpoolMark(end=True))]):
        path.write_bytes(b"".join(content))
        log = PredictionLog(home.predictions, Subjects(home.keys), signer, lambda _: FACTS)
        tail = Tail(home.spool, log.resume, pytest.fail)
        tail.has_more = True
        while tail.has_more:
            for batch in tail.batches(1):
                log.add(batch, 0.0)
                if not batch.is_last or len(content) > 4:
                    log.seal(batch.path, NOW)
        pack(home)
    report = check_log(home)
    assert report.breaks == () and report.records == 6
    assert [each.missing for each in report.replicas] == [0]


def test_records_expire_in_a_packed_file_and_a_hold_keeps_theirs(
    home: Home, sealed: tuple[Home, list[str]], tmp_path: Path
) -> None:
    pack(home)
    held = records_to_hold(home, [sealed[1][3]], [])
    place_hold(home, "case", held, SshKey.generate(tmp_path / "key"), by="a", time="t", reason="r")
    before = contents(home)

    gone = expire_records(home, LATER, LATER)

    assert len(gone) == len(before) - 1
    report = check_log(home)
    assert report.holds and sum(each.expired for each in report.replicas) == len(gone)
    after = contents(home)
    assert {name: each.checkpoint for name, each in after.items()} == {
        name: each.checkpoint for name, each in before.items()
    }
    kept = [name for name, each in after.items() if each.table is not None]
    assert kept == [*held.segments]
    assert expire_records(home, LATER, LATER) == []
    pack(home)
    assert contents(home) == after


def test_each_damage_of_a_packed_file_is_named(home: Home) -> None:
    pack(home)
    path = next(home.predictions.rglob("*r1.0-4.packed.parquet"))
    whole, chance = path.read_bytes(), np.random.default_rng(1)
    places = [*chance.integers(len(whole), size=at_size(10, 600)), -1, -5, -8]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(chance.integers(8))
        path.write_bytes(damaged)
        assert not check_log(home).holds, f"byte {place} of {len(whole)}"
    for cut in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        faults = check_log(home).faults
        assert any("r1.0-4" in each for each in faults), cut
    path.unlink()
    assert any("expected segment 0" in each for each in check_log(home).faults)
    path.write_bytes(whole)
    assert check_log(home).holds


def test_a_segment_that_does_not_verify_is_left_and_still_named(home: Home) -> None:
    table = next(home.predictions.rglob("*-r1-2.parquet"))
    table.write_bytes(table.read_bytes()[:-9])
    faults = check_log(home).faults

    (left,) = pack(home)

    assert "r1-2" in left and table.exists()
    assert check_log(home).faults == faults


def test_a_copy_lists_the_same_names(home: Home) -> None:
    names = {name: read() for name, read in _copy(home).items()}
    pack(home)

    assert {name: read() for name, read in _copy(home).items()} == names
    path = next(home.predictions.rglob("*r1.0-4.packed.parquet"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VerificationError, match="is damaged"):
        _copy(home)[f"20261122T09-r1-3{SUFFIX}"]()


def _copy(home: Home) -> Mapping[str, Callable[[], bytes]]:
    return LogStorage(str(home.predictions)).files("prod", "credit")


def most_files(folder: Path, count: int) -> tuple[int, int, int]:
    """Files, bytes, and segments that are read for each other one, after `count` were sealed."""
    home = Home(folder)
    seal_segments(home, count)
    pack(home, full=PackedSize(segments=count + 1, bytes=1_000_000))
    sizes = [len(each) for name, each in files(home).items() if name != "lock"]
    return len(sizes), sum(sizes) // count, len(contents(home)) // count


def test_four_times_the_segments_are_as_few_files(tmp_path: Path) -> None:
    few, many = most_files(tmp_path / "few", 6), most_files(tmp_path / "many", 24)

    assert few[0] == many[0] == 1
    assert many[1] <= few[1], "bytes of each segment"


def test_a_footer_that_is_damaged_raises_no_other_error(home: Home) -> None:
    segment = next(iter(stored_segments(home.predictions)))
    footer, chance = ParquetParts.of(segment.table()).footer, np.random.default_rng(2)
    for _ in range(at_size(100, 3_000)):
        damaged = bytearray(footer)
        damaged[int(chance.integers(len(footer)))] ^= 1 << int(chance.integers(8))
        with suppress(InvalidInput):
            FooterFrame.of(bytes(damaged))


def test_names_of_replicas_may_have_dots_and_dashes(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for replica in ("r", "r.0-3", "x-r"):
        seal_segments(home, 3, replica=replica.replace(".", "_"))
    before = contents(home)
    pack(home)

    assert contents(home) == before and check_log(home).holds
    assert StoredSegment(next(home.predictions.glob("*/*")), "20261122T09-x-r-1").replica == "x-r"


def test_a_batch_counts_a_segment_once_that_is_loose_and_packed(home: Home, tmp_path: Path) -> None:
    before = shutil.copytree(home.predictions, tmp_path / "before")
    pack(home)
    (folder,) = {path.parent for path in home.predictions.rglob(f"*{PACKED}")}
    loose = [
        path
        for path in before.rglob("*.parquet")
        if not (folder / path.name).exists() and not path.name.endswith(PACKED)
    ]

    def rows() -> int:
        files = batch_files([str(home.predictions)], ObjectStore(), tmp_path, str)
        return count_batch(FACTS.profile, files).counts.rows

    alone = rows()
    for path in loose:  # what a process leaves that is killed before it removes them
        shutil.copy(path, folder)
        shutil.copy(path.with_name(path.name.removesuffix(".parquet") + SUFFIX), folder)

    assert loose and rows() == alone > 0
