"""Memory in front of a spool file: whatever happens to the server, what was answered is read."""

import contextlib
import mmap
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goldenpath.errors import Unavailable
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_buffer import SpoolBuffer, buffer_of, unflushed
from goldenpath.serve.record.spool_format import Answered, Frame, SpoolHeader, SpoolMark
from goldenpath.serve.record.spool_reader import is_live, read
from tests.serve.record.writing import append, header
from tests.sizes import at_size


def follow(path: Path, offset: int = 0) -> tuple[list[Frame], int]:
    """Every frame there is from `offset` on, and where they end."""
    found: list[Frame] = []
    while True:
        frames, after = read(path, offset)
        found += frames
        if after == offset:
            return found, offset
        offset = after


def numbers(frames: list[Frame]) -> list[int]:
    """Sequence numbers of all records."""
    return [each.sequence for frame in frames if isinstance(frame, list) for each in frame]


def in_folder(folder: Path) -> list[int]:
    """Sequence numbers of all records of a folder, in the order of its files."""
    return [n for path in sorted(folder.glob("*.spool")) for n in numbers(follow(path)[0])]


def write_until_killed(folder: Path, replica: str, seconds: float) -> int:
    """How many requests a process said were written down before it was killed."""
    command = [sys.executable, "-m", "tests.serve.record.writing", str(folder), replica]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        said = child.stdout.read(8)
        time.sleep(seconds)
        # It goes on until the very moment of the kill: nobody reads, so the pipe must not fill.
        child.kill()
        said += child.stdout.read()
    return int.from_bytes(said[-8:], "little")


@pytest.mark.parametrize("seed", range(at_size(8, 200)))
def test_killed_at_any_moment_every_record_that_was_confirmed_is_read(
    tmp_path: Path, seed: int
) -> None:
    confirmed = write_until_killed(tmp_path, "one", np.random.default_rng(seed).random() * 0.06)

    found = in_folder(tmp_path)

    assert len(found) >= confirmed > 0
    assert found == list(range(len(found)))
    assert len(found) - confirmed <= 3, "at most the turn that was not confirmed"


def test_who_follows_a_server_that_writes_sees_every_record_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.serve.record.writing", str(tmp_path), "one"]
    found: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        os.set_blocking(child.stdout.fileno(), False)
        offsets: dict[Path, int] = {}
        while len(found) < 3000:
            with contextlib.suppress(BlockingIOError):
                os.read(child.stdout.fileno(), 65536)
            for path in sorted(tmp_path.glob("*.spool")):
                frames, offsets[path] = follow(path, offsets.get(path, 0))
                found += numbers(frames)
        child.kill()
    assert len(offsets) > 3
    assert found == list(range(len(found)))


def test_two_replicas_in_one_folder_keep_apart(tmp_path: Path) -> None:
    confirmed = [write_until_killed(tmp_path, name, 0.02) for name in ("one", "two")]

    for name, least in zip(("one", "two"), confirmed, strict=True):
        files = sorted(tmp_path.glob(f"*.{name}.*.spool"))
        found = [number for path in files for number in numbers(follow(path)[0])]
        assert found == list(range(len(found))) and len(found) >= least


def test_a_record_is_read_before_the_file_has_it_and_once_only_after(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, header(), report=pytest.fail)
    size = spool.path.stat().st_size
    assert append(spool, 0, 1)

    assert spool.path.stat().st_size == size
    frames, offset = follow(spool.path)
    assert numbers(frames) == [0, 1] and offset > size

    assert append(spool, 2)
    spool.close()
    assert numbers(follow(spool.path, offset)[0]) == [2]
    assert numbers(follow(spool.path)[0]) == [0, 1, 2]
    assert not buffer_of(spool.path).exists()
    assert unflushed(spool.path, 0) == b""


def test_the_file_has_everything_soon_after(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, header(), report=pytest.fail)
    assert append(spool, 0)
    _, offset = follow(spool.path)

    give_up = time.monotonic() + 30
    while spool.path.stat().st_size < offset and time.monotonic() < give_up:
        time.sleep(0.05)

    assert spool.path.stat().st_size == offset
    assert numbers(follow(spool.path)[0]) == [0]
    spool.close()


def test_more_than_the_memory_holds_goes_to_the_file(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, header(), report=pytest.fail, rotate_bytes=3000)
    for number in range(0, 4000, 20):
        assert append(spool, *range(number, number + 20))  # larger than a slot
        assert append(spool, 5000 + number, row=b"wxyz")
    spool.close()

    found = in_folder(tmp_path)
    assert sorted(found) == [*range(4000), *range(5000, 9000, 20)]


def test_a_killed_server_leaves_a_torn_frame_that_nobody_was_told_of(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, header(), report=print)
    for number in range(3):
        assert append(spool, number)
    frames, offset = follow(spool.path)
    buffer = bytearray(buffer_of(spool.path).read_bytes())
    copy = tmp_path / "copy"
    copy.mkdir()
    path = copy / spool.path.name
    path.write_bytes(spool.path.read_bytes())
    spool.close()

    assert numbers(frames) == [0, 1, 2]
    # A machine that lost its power may have kept any part of the buffer.
    end = 4096 + offset - path.stat().st_size
    for damage in range(4096, end):
        damaged = bytearray(buffer)
        damaged[damage] ^= 0x40
        buffer_of(path).write_bytes(damaged)
        kept = numbers(follow(path)[0])
        assert kept == list(range(len(kept))) and len(kept) < 3
    for cut in (0, 100, 4095, end - 1):
        buffer_of(path).write_bytes(buffer[:cut])
        assert numbers(follow(path)[0]) == ([0, 1] if cut > 4096 else [])


def test_a_buffer_that_an_older_server_left_is_not_taken_for_that_of_a_new_one(
    tmp_path: Path,
) -> None:
    write_until_killed(tmp_path, "one", 0.0)
    left = sorted(tmp_path.glob("*.buffer"))
    for path in tmp_path.glob("*.spool"):
        path.unlink()
    assert left

    spool = SpoolWriter(tmp_path, header(), report=pytest.fail)
    assert follow(spool.path)[0] == [read(spool.path, at_once=1)[0][0]]
    assert append(spool, 0)
    assert in_folder(tmp_path) == [0]
    spool.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """A file that leaves no room for another."""
    ballast = disk / "ballast"
    file = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(file, bytes(4096))
    os.close(file)
    return ballast


def test_a_disk_that_is_really_full_takes_nothing_and_loses_nothing_that_it_took(
    small_disk: Path,
) -> None:
    reports: list[str] = []
    spool = SpoolWriter(small_disk, header(), report=reports.append)
    ballast = fill(small_disk)
    taken: list[int] = []
    number = 0
    while number < 200_000:
        turn = range(number, number + 50)
        if not append(spool, *turn):
            break
        taken += turn
        number += 50
    assert taken and "No space left" in reports[0]
    spool.lose(number, 50, 50)
    kept = in_folder(small_disk)
    assert kept == taken, "in memory, while the disk is full"

    ballast.unlink()
    assert append(spool, number + 50)
    path = spool.path
    spool.close()
    frames, _ = follow(path)
    assert numbers(frames) == [*taken, number + 50]
    assert SpoolMark(lost=50, lost_rows=50, first_lost=number) in frames
    # A tmpfs counts its blocks by processor: it may be full, find a page, and be full again.
    assert reports[-1] == "records are written again; 50 were lost so far"


def test_without_room_for_the_memory_no_server_starts(small_disk: Path) -> None:
    ballast = fill(small_disk)
    os.truncate(ballast, ballast.stat().st_size - 20 * 1024)
    with pytest.raises(Unavailable, match="No space left"):
        SpoolWriter(small_disk, header(), report=print)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_on_a_small_disk_the_memory_leaves_room_for_the_file(small_disk: Path) -> None:
    ballast = fill(small_disk)
    os.truncate(ballast, ballast.stat().st_size - 256 * 1024)

    spool = SpoolWriter(small_disk, header(), report=pytest.fail)

    assert 32 * 1024 < buffer_of(spool.path).stat().st_size < 80 * 1024
    assert append(spool, *range(500)), "larger than a slot"
    assert append(spool, 500)
    spool.close()
    assert in_folder(small_disk) == list(range(501))


def test_a_disk_that_is_full_at_the_end_leaves_the_rest_to_who_reads(small_disk: Path) -> None:
    reports: list[str] = []
    spool = SpoolWriter(small_disk, header(), report=reports.append)
    fill(small_disk)
    assert append(spool, *range(200))
    path = spool.path
    spool.close()

    assert any("could not be ended" in each for each in reports)
    assert not is_live(path)
    assert numbers(follow(path)[0]) == list(range(200))


def test_a_spool_of_the_version_before_is_read(tmp_path: Path) -> None:
    path = Path(__file__).parent / "data" / "prod.credit.old.0001.spool"

    (first, *frames), offset = follow(path)

    assert isinstance(first, SpoolHeader) and first.version == 2
    assert numbers(frames) == [0, 1, 4, 5]
    assert SpoolMark(lost=2, lost_rows=4, first_lost=2) in frames
    assert path.stat().st_size - offset == 30, "a torn frame"
    answered = [each for frame in frames if isinstance(frame, list) for each in frame]
    assert answered[1].subjects == ["a", "b"] and answered[1].caller == "branch"
    assert answered[2].refusal == "column age is missing"
    assert answered[3].context is not None and answered[3].context.process == "loans"
    assert [type(each) for each in answered] == [Answered] * 4


def test_slots_change_hands_and_say_when_there_is_none(tmp_path: Path) -> None:
    file = os.open(tmp_path / "x.1.spool", os.O_RDWR | os.O_CREAT)
    buffer = SpoolBuffer(tmp_path / "x.1.buffer", slots=2, slot_bytes=64)
    buffer.begin(1, file, 0)
    payload = b"p" * 20

    assert buffer.put(payload, -1) and buffer.put(payload, -1)
    assert not buffer.put(payload, -1)
    assert buffer.turn_over() and buffer.put(payload, -1)
    assert not buffer.turn_over(), "the first one waits for the file"
    buffer.flush()
    assert buffer.turn_over() and buffer.put(payload, -1)
    assert not buffer.put(payload, 4 * 28 + 27), "a file may be no larger than that"
    buffer.flush()

    whole = os.pread(file, 1000, 0)
    assert len(whole) == 4 * 28 == buffer.end
    assert struct.unpack_from("<I", whole)[0] == 20
    os.close(file)
    buffer.close(keep=False)


_FILLS = """
import os, sys
from pathlib import Path
from goldenpath.serve.record.spool_buffer import SpoolBuffer
buffer = SpoolBuffer(Path(sys.argv[1]), slots=1, slot_bytes=1 << 20)
buffer.begin(1, -1, 0)
os.write(1, b"begun")
while buffer.put(b"a frame", -1):
    pass
"""


def test_the_length_of_a_slot_never_goes_back_so_that_a_kill_takes_nothing_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "one.0001.buffer"
    with subprocess.Popen(
        [sys.executable, "-c", _FILLS, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.read(5) == b"begun"
        before, changes = 0, 0
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory,
            memoryview(memory)[:4096] as head,
            head.cast("Q") as numbers,
        ):
            while child.poll() is None or not before:
                length = numbers[9]  # read at once, as it is written
                assert length >= before
                changes += length != before
                before = length
    assert changes > 1
