"""The saved state of the drift monitor for one deployment: counts, never rows."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from goldenpath.drift.profile import Counts, Profile
from goldenpath.drift.sequential import State
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import read_record

VERSION = 1


class MonitorState(msgspec.Struct):
    """The monitor state of one release in one stage, as stored in its file."""

    stage: str
    model: str
    release: str
    seen: dict[str, int]
    """By replica: the first sequence number that is not counted yet."""
    looks: int
    starts: list[int]
    times: list[str]
    rows: list[int]
    counts: list[list[int]]
    pending_rows: int
    """The number of rows since the last look. `pending` has their counts."""
    pending: list[int]
    pending_since: str
    finding: str = ""
    """The open finding of version 0.1, which was one for all features."""
    findings: dict[str, str] = {}
    """The open findings by feature and kind, as `feature/kind`."""
    updated_at: str = ""
    version: int = VERSION

    @classmethod
    def fresh(cls, stage: str, model: str, release: str) -> "MonitorState":
        """Return the state before the first row."""
        return cls(stage, model, release, {}, 0, [], [], [], [], 0, [], "")

    def state(self, profile: Profile) -> State:
        """Return the state for the detector. Raises `InvalidInput` if the profile differs."""
        if not self.starts:
            return State(self.looks, (), (), (), np.zeros((0, profile.size), np.int64))
        counts = np.array(self.counts, np.int64)
        if counts.shape != (len(self.starts), profile.size):
            raise InvalidInput(f"the drift state of {self.release} does not fit its profile")
        return State(self.looks, tuple(self.starts), tuple(self.times), tuple(self.rows), counts)

    def waiting(self, profile: Profile) -> Counts:
        """Return the counts since the last look."""
        if not self.pending_rows:
            return Counts.zero(profile)
        return Counts(self.pending_rows, np.array(self.pending, np.int64))

    def keep(self, state: State, waiting: Counts, since: str) -> None:
        """Take over the new state of the detector."""
        self.looks, self.starts, self.times = state.looks, list(state.starts), list(state.times)
        self.rows, self.counts = list(state.rows), state.counts.tolist()
        self.pending_rows, self.pending = waiting.rows, waiting.values.tolist()
        self.pending_since = since


def watch_path(folder: Path, stage: str, model: str, release: str) -> Path:
    """Return the path of the state of one deployment."""
    name = release.removeprefix("sha256:")
    return folder / checked_name(stage) / checked_name(model) / f"{checked_name(name)}.json"


def load_watch(folder: Path, stage: str, model: str, release: str) -> MonitorState:
    """Return the saved state, or a new one if there is none."""
    path = watch_path(folder, stage, model, release)
    try:
        return read_watch(path)
    except FileNotFoundError:
        return MonitorState.fresh(stage, model, release)


def read_watch(path: Path) -> MonitorState:
    """Read a state file. Raises `FileNotFoundError`, or `InvalidInput` if it is malformed."""
    watch = read_record(path, MonitorState)
    if watch.version != VERSION:
        raise InvalidInput(f"drift state {path} has version {watch.version}: expected {VERSION}")
    return watch


def save_watch(folder: Path, watch: MonitorState) -> None:
    """Write the state, whole or not at all."""
    path = watch_path(folder, watch.stage, watch.model, watch.release)
    write_whole(path, msgspec.json.encode(watch))


def watches(folder: Path, stage: str, model: str) -> Mapping[Path, MonitorState]:
    """Return every state of a model in a stage, the last updated last. `*` means any."""
    monitored = {path: read_watch(path) for path in folder.glob(f"{stage}/{model}/*.json")}
    return dict(sorted(monitored.items(), key=lambda item: item[1].updated_at))
