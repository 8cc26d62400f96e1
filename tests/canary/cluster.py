"""Two releases in a cluster: replicas, each with an observer of its own, one place for all logs.

People are drawn; a quarter of the canary's questions is asked of the stable release too. What a
release answers follows from the person alone, so that two answers differ where the models do.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from goldenpath.digest import Digest
from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.home import Home
from goldenpath.observe.log.records import Block
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.serve.record.spool_format import (
    Answered,
    Frame,
    SpoolHeader,
    SpoolMark,
    render_frame,
)
from tests.promote.road import CONTRACT, MODEL, Road

PLAN = Rollout((10, 50, 100), {"requests": 500.0}, "auto")
FEATURES = [feature.name for feature in CONTRACT.features]


def people(count: int, seed: int) -> Floats:
    """Return age and sex of so many people."""
    source = np.random.default_rng(seed)
    return np.column_stack([source.integers(20, 80, count), source.integers(1, 3, count)]).astype(
        np.float32
    )


def scores(rows: Floats, harm: int = 0) -> Floats:
    """Young people are declined; a harmful canary errs in one of `harm` of one sex."""
    declined = rows[:, 0] < 35
    if harm:
        declined ^= (rows[:, 1] == 2) & (rows[:, 0] % harm == 0)
    return np.where(declined, 0.9, 0.1).astype(np.float32)


def profile() -> Profile:
    """Return the inputs of people like those in training."""
    rows = people(5000, 0)
    return build_profile(CONTRACT, dict(zip(FEATURES, rows.T, strict=True)), scores(rows))


@dataclass(frozen=True)
class Traffic:
    """The records of the servers of both releases, in their order."""

    stable: list[Answered]
    canary: list[Answered]


def traffic(since: datetime, count: int, seed: int, *, harm: int = 0) -> Traffic:
    """`count` answers of the canary and four times as many of the stable release."""
    source = np.random.default_rng(seed)
    rows = people(5 * count, seed)
    right, other = scores(rows), scores(rows, harm)
    begin = int(since.timestamp() * 1e9) + 1_000_000
    found = Traffic([], [])
    for place in range(len(rows)):
        at = begin + place * 100_000
        name = source.bytes(16).hex()
        if place % 5:
            found.stable.append(_answer(found.stable, name, at, rows[place], right[place]))
            continue
        found.canary.append(_answer(found.canary, name, at, rows[place], other[place]))
        if place % 20 == 0:
            copy = _answer(found.stable, name, at, rows[place], right[place], shadow=True)
            found.stable.append(copy)
    return found


def _answer(
    before: list[Answered],
    name: str,
    at: int,
    row: Floats,
    score: np.float32,
    *,
    shadow: bool = False,
) -> Answered:
    return Answered(
        name, len(before), at, 2_000_000, 300_000, 200, 1, row.tobytes(), score.tobytes(),
        shadow=shadow,
    )  # fmt: skip


class Cluster:
    """A platform whose canary is at 10 percent, and the homes of its observers."""

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.road = Road(folder / "road", now or datetime.now(UTC) - timedelta(minutes=3))
        self.predictions = folder / "predictions"
        self._folder = folder
        rendered = render_profile(profile())
        self.stable, self.canary, self.dark = (
            self.road.release(each, profile=rendered) for each in (b"one", b"two", b"three")
        )
        self.releases = {"one": self.stable, "two": self.canary, "three": self.dark}
        desk = self.road.desk("platform-engineer")
        promote(desk, self.stable, "dev")
        promote(desk, self.canary, "dev", rollout=PLAN)
        self.since = self.road.now.replace(microsecond=0)
        self.homes: list[Home] = []

    def header(self, release: Digest, replica: str) -> SpoolHeader:
        slot = "canary" if release == self.canary else "stable"
        return SpoolHeader(1, "dev", MODEL, slot, release.text, replica, FEATURES, 0, 0)

    def block(self, release: Digest, answered: list[Answered]) -> Block:
        """The answers as an observer sees them."""
        return Block.of(self.header(release, "r"), answered)

    def write(self, name: str, said: Mapping[str, list[Answered]], rows: int) -> None:
        """Answers of some replicas, sealed `rows` at a time by an observer that is a process.

        The first part of a replica's name says of which release it is.
        """
        home = Home(self._folder / name)
        home.spool.mkdir(parents=True)
        for replica, answered in said.items():
            release = self.releases[replica.partition("-")[0]]
            head, end = self.header(release, replica), SpoolMark(end=True)
            for at in range(0, len(answered), rows):
                begin = msgspec.structs.replace(head, first=at)
                frames: list[Frame] = [begin, answered[at : at + rows], end]
                spool = home.spool / f"dev.{MODEL}.{replica}.{at // rows + 1:04d}.spool"
                spool.write_bytes(b"".join(render_frame(each) for each in frames))
        launch = ObserverLaunch(str(home.root), str(self.road.home.registry), interval=0.01)
        subprocess.run(
            [sys.executable, "-m", "goldenpath.observe"],
            input=json.dumps(asdict(launch)).encode() + b"\n",
            check=True,
            capture_output=True,
            timeout=60,
        )
        shutil.copytree(home.predictions, self.predictions, dirs_exist_ok=True)
        self.homes.append(home)

    @property
    def keys(self) -> bytes:
        """The public keys of all observers, one file."""
        return b"".join(home.log_key.with_suffix(".pub").read_bytes() for home in self.homes)
