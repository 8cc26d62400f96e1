"""The record: whole frames, no gap, and the truth about what was lost."""

import struct
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import (
    SPOOL_VERSION,
    Answered,
    Frame,
    SpoolHeader,
    SpoolMark,
    render_frame,
)
from goldenpath.serve.record.spool_reader import is_live, read
from tests.serve.record.writing import append
from tests.serve.running import INFER, ROW, question, records, run, running, writer

HEADER = SpoolHeader(SPOOL_VERSION, "prod", "credit", "r1", "sha256:" + "a" * 64, "one", ["age"], 1)


def answered(number: int) -> Answered:
    """A record."""
    return Answered(f"{number:032x}", number, 1, 2, 3, 200, 1, b"abcd", b"efgh")


def all_of(path: Path) -> list[Frame]:
    """Every frame, read as a follower reads them."""
    found: list[Frame] = []
    offset = -1
    following = 0
    while following != offset:
        offset = following
        frames, following = read(path, offset)
        found += frames
    return found


def test_what_was_written_is_read_frame_by_frame(tmp_path: Path) -> None:
    reports: list[str] = []
    spool = writer(tmp_path, reports.append)
    first = spool.path
    assert append(spool, 0, 1)
    frames, offset = read(first)
    assert isinstance(frames[0], SpoolHeader)
    assert frames[1] == [answered(0), answered(1)]
    assert append(spool, 2)
    assert read(first, offset)[0] == [[answered(2)]]
    assert is_live(first)
    spool.close()
    assert all_of(first)[-1] == SpoolMark(end=True, next=3)
    assert not is_live(first)
    assert first.name == "prod.credit.one.0001.spool"
    assert first.stat().st_mode & 0o777 == 0o600
    assert reports == []


def test_a_large_file_is_sealed_and_the_next_goes_on_without_a_gap(tmp_path: Path) -> None:
    spool = SpoolWriter(tmp_path, HEADER, report=print, rotate_bytes=300)
    for number in range(20):
        assert append(spool, number)
    spool.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) > 3
    expected = 0
    for path in files:
        header, *middle, end = all_of(path)
        assert isinstance(header, SpoolHeader)
        assert header.first == expected
        expected += sum(len(frame) for frame in middle if isinstance(frame, list))
        assert end == SpoolMark(end=True, next=expected, goes_on=path != files[-1])
    assert expected == 20


def test_a_torn_tail_is_left_and_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.spool"
    whole = render_frame(HEADER) + render_frame([answered(0)])
    torn = render_frame([answered(1)])
    for cut in range(len(torn)):
        path.write_bytes(whole + torn[:cut])
        frames, offset = read(path)
        assert (len(frames), offset) == (2, len(whole))
    for place in range(len(whole), len(whole) + len(torn)):
        damaged = bytearray(whole + torn)
        damaged[place] ^= 0x80
        path.write_bytes(damaged)
        try:
            frames, offset = read(path)
        except VerificationError:
            continue
        # A length that grew looks like a frame that is not there yet.
        assert (len(frames), offset) == (2, len(whole))


def test_another_version_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.spool"
    path.write_bytes(render_frame(SpoolHeader(99, "a", "b", "c", "d", "e", [], 1)))
    with pytest.raises(InvalidInput, match="has version 99"):
        read(path)
    path.write_bytes(struct.pack("<II", 2**31, 0) + b"abc")
    with pytest.raises(VerificationError, match="frame of 2147483648 bytes"):
        read(path)
    path.write_bytes(render_frame([answered(0)]))
    with pytest.raises(VerificationError, match="no record"):
        read(path)


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        writer(tmp_path / "file", print)


class Full:
    """Fills the disk for one spool: no file may grow beyond what it has now."""

    def __init__(self) -> None:
        import resource

        self._resource = resource
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def set(self, size: int) -> None:
        """No file may be larger than `size` from now on."""
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, (size, self._before[1]))

    def clear(self) -> None:
        """There is space again."""
        self._resource.setrlimit(self._resource.RLIMIT_FSIZE, self._before)


def test_what_could_not_be_written_is_counted_in_the_file(tmp_path: Path) -> None:
    reports: list[str] = []
    spool = writer(tmp_path, reports.append)
    path, disk = spool.path, Full()
    assert append(spool, 0)
    try:
        # Half a frame fits: none of it may stay in the file.
        disk.set(path.stat().st_size + 20)
        for number in (1, 2):
            assert not append(spool, number)
            spool.lose(number, 1, 1)
    finally:
        disk.clear()
    assert append(spool, 3)
    spool.close()
    assert all_of(path)[1:] == [
        [answered(0)],
        SpoolMark(lost=2, lost_rows=2, first_lost=1),
        [answered(3)],
        SpoolMark(end=True, next=4),
    ]
    assert reports[0].startswith("records cannot be written to prod.credit.one.0001.spool")
    assert reports[1:] == ["records are written again; 2 were lost so far"]


@pytest.mark.parametrize(("on_loss", "status"), [("serve", 200), ("refuse", 503)])
def test_a_full_disk_leaves_serving_to_the_policy(
    tmp_path: Path, on_loss: str, status: int
) -> None:
    disk = Full()

    async def main() -> None:
        policy = "serve" if on_loss == "serve" else "refuse"
        async with running(tmp_path, on_loss=policy) as server:  # type: ignore[arg-type]
            assert server.spool is not None
            assert (await server.ask(INFER, question(ROW))).status == 200
            try:
                disk.set(server.spool.path.stat().st_size)
                assert (await server.ask(INFER, question(ROW))).status == status
            finally:
                disk.clear()
            assert (await server.ask(INFER, question(ROW))).status == 200

    run(main)
    numbers = [record.sequence for record in records(tmp_path / "spool")]
    assert numbers == ([0, 2] if on_loss == "serve" else [0, 1])
    marks = [f for f in all_of(next((tmp_path / "spool").iterdir())) if isinstance(f, SpoolMark)]
    assert sum(mark.lost for mark in marks) == (1 if on_loss == "serve" else 0)


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    one, two = writer(tmp_path, print), writer(tmp_path, print)
    assert one.path != two.path
    one.close()
    two.close()
    assert len(list(tmp_path.iterdir())) == 2
