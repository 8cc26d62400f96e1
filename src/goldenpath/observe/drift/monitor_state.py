"""The saved state of the drift monitor for one deployment: counts, never rows."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from goldenpath.canonical import MAX_DOCUMENT
from goldenpath.drift.budget import start_weight
from goldenpath.drift.changes import Process
from goldenpath.drift.counting import Counts
from goldenpath.drift.days.rank_bets import BETS
from goldenpath.drift.days.whole_days import DaysInProgress
from goldenpath.drift.profile import Profile
from goldenpath.drift.seasons import DAY
from goldenpath.drift.sequential import ChangeKind, State
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import decode_record, read_bounded
from goldenpath.stored_formats import WATCH


class StoredCounts(msgspec.Struct):
    """Counts as they are stored; see `Counts`."""

    values: list[int] = []
    cells: list[int] = []
    refused: list[int] = []
    refusals: int = 0
    pairs: list[list[int]] = []

    @classmethod
    def of(cls, counts: Counts) -> "StoredCounts":
        """Return the stored form."""
        return cls(
            counts.values.tolist(),
            counts.cells.tolist(),
            counts.refused.tolist(),
            counts.refusals,
            counts.pairs.tolist() if counts.pairs.size else [],
        )

    def counts(self, profile: Profile) -> Counts:
        """Return the counts. Raises `InvalidInput` if they are of another profile."""
        if not self.values:
            return Counts.zero(profile)
        sizes = (len(self.values), len(self.cells), len(self.refused))
        if sizes != (profile.size, profile.cells, len(profile.columns)):
            raise InvalidInput("stored drift counts do not fit their profile")
        number = profile.pair_number
        if self.pairs and [len(row) for row in self.pairs] != [number, number]:
            raise InvalidInput("stored counts of pairs do not fit their profile")
        return Counts(
            np.array(self.values, np.int64),
            np.array(self.cells, np.int64),
            np.array(self.refused, np.int64),
            self.refusals,
            np.array(self.pairs or np.zeros((2, number)), np.int64),
        )


class StoredStart(msgspec.Struct):
    """A start time of the detector, and the counts since then."""

    look: int
    time: int
    weight: float
    days: int
    counts: StoredCounts
    gains: list[list[float]] = []
    """Log gains of the bets on whole days, for each column that is judged by days."""


class StoredDays(msgspec.Struct):
    """The day that has not ended, and the days before it; see `DaysInProgress`."""

    values: list[int]
    cells: list[list[int]]
    begun: list[int]
    live: list[list[list[float]]]

    @classmethod
    def of(cls, days: DaysInProgress) -> "StoredDays":
        """Return the stored form."""
        live = [each.tolist() for each in days.live]
        return cls(days.values.tolist(), days.cells.tolist(), list(days.begun), live)

    def days(self, profile: Profile) -> DaysInProgress:
        """Return the days. Raises `InvalidInput` if they are of another profile."""
        number = sum(bins.ranked is not None for bins in profile.columns)
        sizes = (len(self.values), len(self.cells), len(self.begun), len(self.live))
        is_wide = all(len(row) == profile.cells for row in self.cells)
        if sizes != (profile.size, number, number, number) or not is_wide:
            raise InvalidInput("stored days of the drift monitor do not fit their profile")
        return DaysInProgress(
            np.array(self.values, np.int64),
            np.array(self.cells, np.int64).reshape(number, profile.cells),
            tuple(self.begun),
            tuple(np.array(each, np.float64).reshape(-1, 2) for each in self.live),
        )


class StoredFinding(msgspec.Struct):
    """An open finding of one process."""

    id: str
    feature: str
    kind: ChangeKind
    since: str
    opened: int
    """Number of looks at the alarm."""
    drifted: StoredCounts
    """The counts from the onset to the alarm."""


class StoredRestart(msgspec.Struct):
    """A process that was restarted after so many looks."""

    feature: str
    kind: ChangeKind
    looks: int


class MonitorState(msgspec.Struct):
    """The monitor state of one release in one stage, as stored in its file."""

    stage: str
    model: str
    release: str
    seen: dict[str, int] = {}
    """By replica: the first sequence number that is not counted yet."""
    looks: int = 0
    starts: list[StoredStart] = []
    today: int = -1
    opened_today: int = 0
    opened_before: int = 0
    pending: StoredCounts = msgspec.field(default_factory=StoredCounts)
    """The counts since the last look."""
    pending_since: int = 0
    """When the first of them arrived, in seconds since 1970."""
    rows_today: int = 0
    rows_before: int = 0
    """Rows of the last day with rows, and of the one before it."""
    days: StoredDays | None = None
    """Of the columns that are judged by whole days; None if there are none."""
    findings: list[StoredFinding] = []
    restarts: list[StoredRestart] = []
    updated_at: str = ""
    version: Literal[2] = 2

    @property
    def after(self) -> dict[Process, int]:
        """The number of looks before which a restarted process takes no starts."""
        return {(each.feature, each.kind): each.looks for each in self.restarts}

    def state(self, profile: Profile) -> State:
        """Return the state for the detector. Raises `InvalidInput` if the profile differs."""
        if not self.starts:
            return State.fresh(profile)
        counts = [start.counts.counts(profile) for start in self.starts]
        return State(
            self.looks,
            tuple(start.look for start in self.starts),
            tuple(start.time for start in self.starts),
            tuple(start.weight for start in self.starts),
            np.array([start.days for start in self.starts], np.int64),
            np.stack([each.values for each in counts]),
            np.stack([each.cells for each in counts]),
            np.stack([each.refused for each in counts]),
            np.array([each.refusals for each in counts], np.int64),
            self.today,
            self.opened_today,
            self.opened_before,
            self.days.days(profile) if self.days else None,
            self._gains(profile) if self.days else None,
            np.stack([each.pairs for each in counts]),
        )

    def _gains(self, profile: Profile) -> NDArray[np.float64]:
        number = sum(bins.ranked is not None for bins in profile.columns)
        shape = (len(self.starts), number, BETS)
        gains = [start.gains for start in self.starts]
        try:
            return np.array(gains, np.float64).reshape(shape)
        except ValueError as error:
            message = "stored gains of the drift monitor do not fit their profile"
            raise InvalidInput(message) from error

    def keep(self, state: State, waiting: Counts) -> None:
        """Take over the new state of the detector."""
        self.looks, self.today = state.looks, state.today
        self.opened_today, self.opened_before = state.opened_today, state.opened_before
        members = zip(state.starts, state.times, state.weights, state.days.tolist(), strict=True)
        has_days = state.in_progress is not None and bool(state.in_progress.begun)
        self.days = StoredDays.of(state.in_progress) if has_days and state.in_progress else None
        gains = state.gains.tolist() if has_days and state.gains is not None else []
        self.starts = [
            StoredStart(
                look, time, weight, days, StoredCounts.of(state.since(place)),
                gains[place] if gains else [],
            )
            for place, (look, time, weight, days) in enumerate(members)
        ]  # fmt: skip
        self.pending = StoredCounts.of(waiting)


class _StateOfVersion1(msgspec.Struct):
    """The monitor state as 0.1 wrote it."""

    stage: str
    model: str
    release: str
    seen: dict[str, int]
    looks: int
    starts: list[int]
    times: list[str]
    rows: list[int]
    counts: list[list[int]]
    updated_at: str
    version: Literal[1]

    def converted(self, columns: int) -> MonitorState:
        """Return it in today's form. Rows after its last look are in the log, and not counted."""
        times = [_seconds(text) for text in self.times]
        last = _seconds(self.updated_at) if self.updated_at else max(times, default=0)
        starts = [
            StoredStart(
                look,
                time,
                start_weight(0, 1, 1.0),
                max(last // DAY - time // DAY + 1, 1),
                StoredCounts(counts, [rows], [0] * columns),
            )
            for look, time, rows, counts in zip(
                self.starts, times, self.rows, self.counts, strict=True
            )
        ]
        return MonitorState(
            self.stage,
            self.model,
            self.release,
            self.seen,
            self.looks,
            starts,
            today=last // DAY if starts else -1,
            opened_today=1,
            opened_before=1,
            updated_at=self.updated_at,
        )


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


class _Version(msgspec.Struct):
    version: int


def watch_path(folder: Path, stage: str, model: str, release: str) -> Path:
    """Return the path of the state of one deployment."""
    name = release.removeprefix("sha256:")
    return folder / checked_name(stage) / checked_name(model) / f"{checked_name(name)}.json"


def load_watch(folder: Path, stage: str, model: str, release: str, *, columns: int) -> MonitorState:
    """Return the saved state, or a new one if there is none."""
    path = watch_path(folder, stage, model, release)
    try:
        return read_watch(path, columns)
    except FileNotFoundError:
        return MonitorState(stage, model, release)


def read_watch(path: Path, columns: int) -> MonitorState:
    """Read a state file. Raises `FileNotFoundError`, or `InvalidInput` if it is malformed.

    `columns` is the number of features and the score, which a state of 0.1 does not have.
    """
    content = read_bounded(path, MAX_DOCUMENT)
    version = decode_record(content, _Version, str(path)).version
    match version:
        case 1:
            return decode_record(content, _StateOfVersion1, str(path)).converted(columns)
        case 2:
            return decode_record(content, MonitorState, str(path))
        case _:
            WATCH.require(version, f"drift state {path}")
            raise AssertionError(f"version {version} is listed and not read")


def save_watch(folder: Path, watch: MonitorState) -> None:
    """Write the state, whole or not at all."""
    path = watch_path(folder, watch.stage, watch.model, watch.release)
    write_whole(path, msgspec.json.encode(watch))


class Watched(msgspec.Struct, frozen=True):
    """Which deployment a state file is about. It is the same in every version."""

    stage: str
    model: str
    release: str
    updated_at: str = ""


def watches(folder: Path, stage: str, model: str) -> Mapping[Path, Watched]:
    """Return every watched deployment of a model in a stage, the last updated last.

    `*` means any stage or model.
    """
    found = {
        path: decode_record(read_bounded(path, MAX_DOCUMENT), Watched, str(path))
        for path in folder.glob(f"{stage}/{model}/*.json")
    }
    return dict(sorted(found.items(), key=lambda item: item[1].updated_at))
