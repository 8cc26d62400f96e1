"""The check of a packed file in one pass: the same answer as one by one, with less work."""

import shutil
import sys
from pathlib import Path
from types import FrameType

import msgspec
import pytest
from msgspec.structs import replace

from goldenpath.digest import Digest
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.observe.log.segments.compaction import PackedSize, compact
from goldenpath.observe.log.segments.packed_check import whole_packed_file
from goldenpath.observe.log.segments.packed_file import PACKED, open_packed
from goldenpath.observe.log.segments.segment_check import check_each, check_segments
from goldenpath.observe.log.segments.stored_segments import Unit, stored_segments, units_of
from tests.observe.log.segments.test_compaction import SMALL, pack, seal_segments


def packed_units(home: Home) -> list[Unit]:
    """The packed files of a log."""
    return [each for each in units_of(stored_segments(home.predictions)) if each[0].packed]


def show_otherwise(path: Path, *, is_signed: bool) -> None:
    """Write a packed file anew whose directory names a last footer with another column."""
    file, content = open_packed(path), path.read_bytes()
    footer = file.shown()
    other = footer.replace(b"unseen", b"unsean")
    assert other != footer
    signature = file.directory.signature if is_signed else b""
    directory = replace(file.directory, shown=Digest.of(other).text, signature=signature)
    written = msgspec.json.encode(directory)
    end = len(content) - 8 - len(footer) - 44
    begin = end - int.from_bytes(content[end + 32 : end + 36], "little")
    mark = bytes.fromhex(Digest.of(written).hex) + len(written).to_bytes(4, "little")
    path.write_bytes(
        content[:begin] + written + mark + content[end + 36 : end + 44] + other + content[-8:]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("one-pass"))
    seal_segments(home, 7, answers_each=3)
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    shutil.copytree(made.root, tmp_path / "home")
    return Home(tmp_path / "home")


def test_one_pass_finds_what_a_check_one_by_one_finds(home: Home) -> None:
    pack(home)
    key, units = log_public_key(home), packed_units(home)

    assert [len(unit) for unit in units] == [5, 3]
    for unit in units:
        whole = whole_packed_file(unit, key)
        assert whole is not None, "it is checked in one pass"
        assert check_each(unit, key).parts == check_segments(unit, key).parts == (whole,)


def test_a_file_that_nobody_signed_is_compared(home: Home) -> None:
    key = log_public_key(home)
    compact(home.predictions, key, everything=True, full=SMALL)
    (first, _), path = packed_units(home), next(home.predictions.rglob(f"*r1.0-4{PACKED}"))

    assert not open_packed(path).is_signed(key)
    assert whole_packed_file(first, key) is None
    assert check_log(home).holds
    show_otherwise(path, is_signed=False)
    assert any("shows other programs something else" in each for each in check_log(home).faults)


def test_the_signature_of_another_directory_does_not_count(home: Home) -> None:
    pack(home)
    key, path = log_public_key(home), next(home.predictions.rglob(f"*r1.0-4{PACKED}"))

    assert open_packed(path).is_signed(key) and check_log(home).holds
    show_otherwise(path, is_signed=True)
    assert not open_packed(path).is_signed(key)
    assert any("shows other programs something else" in each for each in check_log(home).faults)


def work_of_a_check(folder: Path, segments: int, answers: int) -> int:
    """How many functions of Python a check of a packed log calls."""
    home, count = Home(folder), 0
    seal_segments(home, segments, answers_each=answers)
    pack(home, full=PackedSize(segments + 1, 30_000_000))
    (unit,), key = packed_units(home), log_public_key(home)
    check_segments(unit, key)

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        checked = check_segments(unit, key)
    finally:
        sys.setprofile(None)
    assert not checked.breaks and checked.parts[0][0].records == segments * answers
    return count


def test_the_work_grows_with_segments_and_not_with_records(tmp_path: Path) -> None:
    few, many = (work_of_a_check(tmp_path / f"{each}", 8, each) for each in (2, 200))
    more = work_of_a_check(tmp_path / "more", 24, 2)

    assert abs(many - few) <= few // 20, "as much for a hundred times the records"
    assert more - few <= 16 * 120, "at most 120 calls for each further segment"
