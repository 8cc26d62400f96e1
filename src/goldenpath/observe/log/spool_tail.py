"""The reader of growing spool files. It starts where the sealed log ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from goldenpath.errors import GoldenPathError
from goldenpath.serve.record.spool_buffer import account_of, buffer_of
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark
from goldenpath.serve.record.spool_reader import READ_AT_ONCE, is_live, read

WriterEnd = Literal["", "goes on", "closed", "open"]
"""How the writer of a file ended: not yet, in another file, in order, or without a word."""
TURN_BYTES = 1024 * 1024
"""Bytes of a file that are read in one turn, give or take one frame."""
NOBODY_KNOWS = -1
"""The number of unknown requests where even their number is unknown."""


@dataclass(frozen=True, slots=True)
class SpoolBatch:
    """The records of one spool file since the previous batch."""

    path: Path
    header: SpoolHeader
    answered: list[Answered]
    lost: int
    lost_rows: int
    lost_spans: tuple[str, ...]
    """Lost request numbers, each as `first+count`."""
    begin: int
    end: int
    """The batch is from offset `begin` to offset `end` of the file."""
    is_last: bool
    """The file is complete, or its writer is dead and all complete frames were read."""
    torn: int = 0
    """Bytes of an incomplete frame of a killed writer. Its requests were not answered."""
    end_of_writer: WriterEnd = ""
    unknown: int = 0
    """Requests that it may have answered and that are neither recorded nor counted."""


@dataclass(slots=True)
class _Position:
    offset: int
    header: SpoolHeader
    is_done: bool = False


@dataclass(slots=True)
class Tail:
    """The spool folder. `resume` returns the offset up to which a file is sealed."""

    folder: Path
    resume: Callable[[SpoolHeader, str], int]
    report: Callable[[str], None]
    _positions: dict[Path, _Position] = field(default_factory=dict)
    has_more: bool = False
    """Whether the last turn left something that is there to be read."""

    def batches(self, most: int | None = None) -> Iterator[SpoolBatch]:
        """Yield what is new, file by file, the oldest file first.

        `most` is the number of bytes that are read of each file: the files take turns, so that a
        long one neither fills the memory nor keeps the others waiting.
        """
        self.has_more = False
        for path in sorted(self.folder.glob("*.spool")):
            position = self._positions.get(path)
            try:
                position = position or self._open(path)
                if position is not None and not position.is_done:
                    yield from self._read(path, position, most)
            except GoldenPathError as error:
                # The file is evidence: it stays for a person to examine, and the others go on.
                self.report(f"spool file is left alone: {error.message}")
                if position is not None:
                    position.is_done = True
                    self._positions[path] = position
            except FileNotFoundError:
                self._positions.pop(path, None)

    def forget(self, path: Path) -> None:
        """Delete a file that is sealed completely."""
        _remove(path)
        self._positions.pop(path, None)

    def _open(self, path: Path) -> _Position | None:
        frames, _ = read(path, at_once=1)  # only the header
        if not frames or not isinstance(frames[0], SpoolHeader):
            if not is_live(path):
                # Its writer died before the header was complete, so it has no answers.
                _remove(path)
            return None
        position = _Position(self.resume(frames[0], path.name), frames[0])
        self._positions[path] = position
        return position

    def _read(self, path: Path, position: _Position, most: int | None) -> Iterator[SpoolBatch]:
        until = None if most is None else position.offset + most
        while not position.is_done:
            if until is not None and position.offset >= until:
                self.has_more = True
                return
            live = is_live(path)
            at_once = READ_AT_ONCE if most is None else most
            frames, offset = read(path, position.offset, at_once=at_once)
            answered = [item for frame in frames if isinstance(frame, list) for item in frame]
            marks = [frame for frame in frames if isinstance(frame, SpoolMark)]
            is_exhausted = offset == position.offset
            is_dead = is_exhausted and not live
            torn = max(0, path.stat().st_size - offset) if is_dead else 0
            end, unknown = _end_of_writer(path, marks, offset, is_dead=is_dead)
            position.is_done = bool(end)
            begin, position.offset = position.offset, offset
            if frames or position.is_done:
                yield SpoolBatch(
                    path=path,
                    header=position.header,
                    answered=answered,
                    lost=sum(mark.lost for mark in marks),
                    lost_rows=sum(mark.lost_rows for mark in marks),
                    lost_spans=tuple(
                        f"{mark.first_lost}+{mark.lost}" for mark in marks if mark.lost
                    ),
                    begin=begin,
                    end=offset,
                    is_last=position.is_done,
                    torn=torn,
                    end_of_writer=end,
                    unknown=unknown,
                )
            if is_exhausted:
                return


def _end_of_writer(
    path: Path, marks: list[SpoolMark], offset: int, *, is_dead: bool
) -> tuple[WriterEnd, int]:
    """Return how the writer ended, and how many requests are unknown.

    What a dead writer counted and could not write is added to `marks`.
    """
    for mark in marks:
        if mark.end:
            return ("goes on" if mark.goes_on else "closed"), 0
    if not is_dead:
        return "", 0
    account = account_of(path)
    if account is None:
        return "open", NOBODY_KNOWS
    if account.lost.lost and offset <= account.at:
        marks.append(account.lost)
    return ("closed" if account.is_closed else "open"), 0


def _remove(path: Path) -> None:
    buffer_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
