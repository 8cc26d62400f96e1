"""Whole files: a reader sees the old content or the new one, and a failure leaves no part."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.files import append_lines, locked, publish, take_lock, write_new, write_whole

WRITERS = (publish, write_whole)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_is_replaced_and_nothing_else_is_left(
    write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    file = tmp_path / "new" / "file"

    write(file, b"one")
    write(file, b"two")

    assert file.read_bytes() == b"two"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("write", WRITERS)
def test_a_reader_never_sees_a_part_of_a_file(
    write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    file, size = tmp_path / "file", 100_000
    write(file, b"0" * size)

    def rewrite() -> None:
        for number in range(50):
            write(file, str(number % 10).encode() * size)

    writer = threading.Thread(target=rewrite)
    writer.start()

    contents = {file.read_bytes()}
    while writer.is_alive():
        contents.add(file.read_bytes())
    writer.join()

    assert all(len(each) == size and len(set(each)) == 1 for each in contents)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_that_cannot_take_its_place_leaves_no_part(
    write: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    (tmp_path / "folder" / "full").mkdir(parents=True)

    with pytest.raises(OSError) as failed:
        write(tmp_path / "folder", b"content")

    assert failed.value.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_whole(tmp_path / "secret", b"x")
    write_new(tmp_path / "public", b"x", 0o644)

    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    write_new(tmp_path / "file", b"one", 0o600)

    with pytest.raises(InvalidInput, match="exists already"):
        write_new(tmp_path / "file", b"two", 0o600)

    assert (tmp_path / "file").read_bytes() == b"one"


def test_a_lock_is_held_by_one_and_may_be_shared(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), (tmp_path / "lock").open() as other:
        assert not take_lock(other, wait=False)
        assert not take_lock(other, wait=False, shared=True)
    with (tmp_path / "lock").open() as one, (tmp_path / "lock").open() as other:
        assert take_lock(one, wait=False, shared=True)
        assert take_lock(other, wait=False, shared=True)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_lines_are_appended_whole(tmp_path: Path) -> None:
    file = tmp_path / "new" / "lines"

    append_lines(file, b"one\n", head=b"head\n")
    append_lines(file, b"two\n", head=b"head\n")
    file.write_bytes(file.read_bytes() + b"torn")
    append_lines(file, b"three\n", head=b"head\n")

    assert file.read_bytes() == b"head\none\ntwo\nthree\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_end_of_a_long_file_is_found_without_its_beginning(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    for torn in (b"", b"x" * 10, b"x" * 200_000):
        file.write_bytes(b"a" * 100_000 + b"\n" + torn)
        append_lines(file, b"b\n")
        assert file.read_bytes() == b"a" * 100_000 + b"\nb\n"
    file.write_bytes(b"x" * 200_000)
    append_lines(file, b"b\n", head=b"head\n")
    assert file.read_bytes() == b"head\nb\n"


def test_no_line_is_appended_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        append_lines(tmp_path / "link", b"x\n")
    assert not (tmp_path / "elsewhere").exists()
