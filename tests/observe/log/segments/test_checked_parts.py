"""What is remembered of packed files: it saves reading, and hides nothing."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor, check_log
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.observe.log.segment import parse_checkpoint
from goldenpath.observe.log.segments.checked_parts import CheckedParts
from goldenpath.observe.log.segments.packed_file import PACKED
from goldenpath.observe.log.segments.stored_segments import stored_segments, units_of
from tests.observe.log.segments.test_compaction import pack, seal_segments


def segments_read(home: Home) -> int:
    """How many segments a check reads that may use what is remembered."""
    with CheckedParts(home, log_public_key(home)) as parts:
        units = units_of(stored_segments(home.predictions))
        return sum(len(unit) for unit in units if parts.remembered(unit) is None)


def read_again(folder: Path, count: int) -> int:
    """How many segments are read again, after `count` were sealed, packed and checked."""
    home = Home(folder)
    seal_segments(home, count)
    pack(home)
    assert segments_read(home) == count + 1
    check_log(home)
    return segments_read(home)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A log of two packed files, and one segment with its own files."""
    home = Home(tmp_path_factory.mktemp("parts"))
    seal_segments(home, 8)
    pack(home)
    seal_segments(home, 1, replica="r2")
    return home


@pytest.fixture
def home(packed: Home, tmp_path: Path) -> Home:
    shutil.copytree(packed.root, tmp_path / "home")
    return Home(tmp_path / "home")


def test_four_times_the_segments_are_not_read_again(tmp_path: Path) -> None:
    assert read_again(tmp_path / "few", 4) == read_again(tmp_path / "many", 16) == 0


def test_the_answer_is_the_same(home: Home) -> None:
    known = [
        parse_checkpoint(each.checkpoint(), None) for each in stored_segments(home.predictions)
    ]
    names = [(each.stage, each.model, each.replica, each.number) for each in known]
    anchors = [Anchor(*name, each.content) for name, each in zip(names, known, strict=True)]
    wrong = [Anchor("prod", "credit", "r1", 3, known[0].content), Anchor("prod", "x", "y", 0, "z")]

    for named in ((), anchors, wrong):
        first = check_log(home, named)
        assert check_log(home, named, remembers=True) == first
        assert first.holds == (named is not wrong)
    assert segments_read(home) == 2, "only those with their own files"


def test_whatever_changes_in_a_packed_file_is_still_named(home: Home) -> None:
    check_log(home)
    path, chance = next(home.predictions.rglob(f"*r1.0-4{PACKED}")), np.random.default_rng(3)
    whole = path.read_bytes()
    for place in chance.integers(len(whole), size=4):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        assert not check_log(home, remembers=True).holds
    path.unlink()
    assert not check_log(home, remembers=True).holds
    path.write_bytes(whole)
    assert check_log(home, remembers=True).holds


def test_nobody_without_the_key_of_the_log_forges_an_entry(home: Home) -> None:
    check_log(home)
    assert segments_read(home) == 2
    with closing(sqlite3.connect(home.checked_log)) as database:
        database.execute("UPDATE part SET part = replace(part, x'7231', x'7232')")
        database.commit()
    assert segments_read(home) == 11
    check_log(home)
    with closing(sqlite3.connect(home.checked_log)) as database:
        database.execute("UPDATE part SET leaves = zeroblob(160), contents = zeroblob(160)")
        database.commit()
    known = parse_checkpoint(next(iter(stored_segments(home.predictions))).checkpoint(), None)
    anchor = Anchor("prod", "credit", "r1", 0, known.content)
    assert check_log(home, [anchor], remembers=True).holds, "hashes are read again"


def test_without_the_private_key_everything_is_read(home: Home) -> None:
    check_log(home)
    home.log_key.unlink()
    assert segments_read(home) == 11
    assert check_log(home, remembers=True).holds


def test_a_damaged_memory_is_made_anew(home: Home) -> None:
    home.checked_log.write_bytes(b"no database at all")
    assert check_log(home, remembers=True).holds
    check_log(home)
    assert segments_read(home) == 2
