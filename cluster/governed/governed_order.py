"""The steps of the governed cluster in their order."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.governed import (
    cases,
    governed_platform,
    judged_branch,
    killed_parts,
    project_limits,
    scored_table,
)
from cluster.stack import running_stack
from cluster.walk.record import WalkFailed, WalkRecord
from cluster.walk.stages import Scene

Clock = Callable[[], datetime.datetime]
_Step = tuple[str, Callable[[], None]]
RELEASES = 3
_CASES = {"1", "2", "3"}
"""The steps about manifests. They are walked by default, the others where they are named."""


@dataclass(frozen=True, slots=True)
class GovernedOptions:
    """How to walk the governed cluster."""

    builtin: bool = False
    """Only what needs no policy engine."""
    steps: tuple[str, ...] = ()
    """The numbers of the steps to walk; empty: those about manifests."""
    keep_going: bool = False


def govern_all(
    cache: Path, folder: Path, clock: Clock, record: WalkRecord, options: GovernedOptions
) -> None:
    """Start a cluster and walk every step. Raises `WalkFailed` at the first claim that fails.

    With `keep_going` the other steps are walked as well before it is raised.
    """
    failures: list[str] = []
    with running_stack(cache, folder / "cluster", clock, record.report) as stack:
        if not options.steps or _CASES & {*options.steps}:
            _judge_cases(cases.begin_cases(stack, folder), record, options.builtin)
        if options.builtin or not {*options.steps} - _CASES:
            return
        with record.stepping("4  a platform whose policies are in force, and three releases"):
            scene = governed_platform.begin_platform(stack, folder, cache, record)
            releases = tuple(scene.road.build(number) for number in range(1, RELEASES + 1))
        for title, walk in _steps(scene, record, releases):
            if options.steps and title.split()[0] not in options.steps:
                continue
            try:
                with record.stepping(title):
                    walk()
            except WalkFailed as error:
                if not options.keep_going:
                    raise
                failures.append(str(error))
    if failures:
        raise WalkFailed("; ".join(failures))


def _judge_cases(scene: cases.GovernedScene, record: WalkRecord, builtin: bool) -> None:
    with record.stepping("1  the cases about fields, by Kubernetes itself"):
        cases.judge_fields(scene, record)
    if builtin:
        return
    with record.stepping("2  all cases, by Kubernetes and Kyverno"):
        cases.judge_everything(scene, record)
    with record.stepping("3  the engine is down"):
        cases.end_engine(scene, record)


def _steps(scene: Scene, record: WalkRecord, releases: tuple[str, ...]) -> Iterator[_Step]:
    first, second, third = releases
    yield "5  a release is admitted", lambda: _admit(scene, record, first, third)
    yield "6  a table in a bucket", lambda: scored_table.score_table(scene, record, first)
    yield "7  what does not reach the cluster", lambda: _refuse(scene, record)
    yield "8  each part away", lambda: _kill(scene, record, (first, second), third)


def _admit(scene: Scene, record: WalkRecord, release: str, unapproved: str) -> None:
    governed_platform.serve_admitted(scene, record, release)
    governed_platform.refuse_by_hand(scene, record, unapproved)


def _refuse(scene: Scene, record: WalkRecord) -> None:
    judged_branch.refuse_commits(scene, record)
    project_limits.refuse_beyond(scene, record)


def _kill(scene: Scene, record: WalkRecord, releases: tuple[str, str], unapproved: str) -> None:
    killed_parts.begin_turns(scene, releases)
    killed_parts.kill_each(killed_parts.Killing(scene, record, releases, unapproved))
