"""The whole demo: its order, its folder and its last page."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.demo import live_road, road
from goldenpath.demo.walk import Claim, Walk, environment
from goldenpath.errors import GoldenPathError, InvalidInput

MARK = ".goldenpath-demo"
"""A marker file: the demo made this folder and may recreate it."""
SUMMARY = "summary.json"
"""The file with the record of the demo."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """The record of a demo, as in the file `summary.json` of its folder."""

    version: int
    holds: bool
    """Whether every claim holds, and there is one."""
    claims: tuple[Claim, ...]
    seconds: Mapping[str, float]
    """Duration of each step by its title."""
    total_seconds: float


def walk_the_road(
    folder: Path,
    caller: Mapping[str, str],
    say: Callable[[str], None],
    now: Callable[[], datetime],
    *,
    poll: float = 0.5,
) -> DemoSummary:
    """Run every step in `folder` and return the record. Raises `ClaimFailed`.

    `poll` is the time in seconds between two polls.
    """
    _make_anew(folder)
    walk = Walk(folder, say, environment(folder, caller), poll)
    try:
        _everything(walk, now)
    except BaseException:
        _leave_no_process(walk)
        _write_summary(walk)
        raise
    return _write_summary(walk)


def _everything(walk: Walk, now: Callable[[], datetime]) -> None:
    road.start(walk, now().date())
    stable = road.build_twice(walk)
    road.promote(walk, stable)
    live_road.refuse(walk, stable)
    live_road.export_months(walk)
    live_road.serve(walk, stable)
    challenger = road.challenge(walk, now().date())
    live_road.roll_out(walk, challenger)
    noted = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    prediction = live_road.incident(walk, stable)
    live_road.answer(walk, prediction, challenger, noted)
    live_road.stop(walk)
    walk.end()


def _make_anew(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise InvalidInput(
                f"{folder} is not empty and was not made by the demo",
                hint="name another one with --folder",
            )
        shutil.rmtree(folder)
    for part in (folder, folder / "keys", folder / "months"):
        part.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def _leave_no_process(walk: Walk) -> None:
    try:
        live_road.stop(walk)
    except (GoldenPathError, OSError) as error:
        walk.say(f"  goldenpath down did not end in order: {error}")


def _write_summary(walk: Walk) -> DemoSummary:
    summary = DemoSummary(
        version=1,
        holds=bool(walk.claims) and all(claim.holds for claim in walk.claims),
        claims=tuple(walk.claims),
        seconds=walk.seconds,
        total_seconds=round(sum(walk.seconds.values()), 2),
    )
    (walk.folder / SUMMARY).write_text(json.dumps(asdict(summary), indent=2) + "\n")
    return summary


def summary_page(summary: DemoSummary, folder: Path) -> str:
    """Return the last page of the demo as text: what was shown, and where to look."""
    width = max(len(name) for name in summary.seconds)
    steps = [f"  {name:{width}} {seconds:6.1f} s" for name, seconds in summary.seconds.items()]
    claims = [f"  ✓ {claim.text}" for claim in summary.claims]
    return "\n".join(
        [
            "",
            f"The whole path took {summary.total_seconds:.0f} seconds:",
            *steps,
            "",
            "What was shown:",
            *claims,
            "",
            f"Inspect it: cd {folder}",
            "  report.md                                     the documentation, gaps first",
            "  transcript.txt                                all that the commands printed",
            "  goldenpath events                             who did what, in a chain of hashes",
            "  git --git-dir .goldenpath/gitops.git log      every change of a stage, signed",
            "  goldenpath up                                 run it all again",
            "",
            str(folder / SUMMARY),
            "",
            f"See it in a browser: cd {folder} && goldenpath console",
        ]
    )


def console_launch(folder: Path, caller: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the command of the console over what the demo did, and its environment."""
    program = str(Path(sys.executable).parent / "goldenpath")
    return [program, "console", "--listen", "127.0.0.1:0"], environment(folder, caller)
