"""The steps of the walk in their order."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.stack import running_stack
from cluster.walk import (
    bootstrap,
    examination,
    following,
    judged_canary,
    many_models,
    serving_pods,
    traffic,
    witnessed_logs,
)
from cluster.walk.record import WalkFailed, WalkRecord
from cluster.walk.road import begin_road
from cluster.walk.stages import Scene

Clock = Callable[[], datetime.datetime]
_Step = tuple[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """How to walk."""

    keep_going: bool = False
    models: int = 100
    """Models in each of three stages, for the step with many."""
    steps: tuple[str, ...] = ()
    """The numbers of the steps to walk; empty: all."""


def walk_all(
    cache: Path, folder: Path, clock: Clock, record: WalkRecord, options: WalkOptions
) -> None:
    """Start a cluster and walk every step. Raises `WalkFailed` at the first claim that fails.

    With `keep_going` the other steps are walked as well before it is raised.
    """
    failures: list[str] = []
    with (
        record.stepping("1  a cluster from nothing"),
        running_stack(cache, folder / "cluster", clock, record.report) as stack,
    ):
        with record.stepping("2  a platform, three releases, and our images"):
            serving_pods.share_caches(folder / "road" / ".goldenpath", cache)
            road = begin_road(folder / "road", stack.registry, stack.plane)
            releases = tuple(road.build(number) for number in (1, 2, 3))
            record.note("releases are built, signed and pushed", len(releases))
            scene = Scene(stack, road, serving_pods.build_images(road, record))
        for title, walk in _steps(scene, record, releases, options.models):
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


def _steps(
    scene: Scene, record: WalkRecord, releases: tuple[str, ...], models: int
) -> Iterator[_Step]:
    first, second, third = releases
    yield "3  the files of the platform", lambda: _begin(scene, record)
    yield "4  our server as a pod", lambda: _serve(scene, record, first)
    yield "5  weights and roll-backs, applied by hand", lambda: _by_hand(scene, record, releases)
    yield "6  Argo CD follows commits", lambda: following.begin_following(scene, record, first)
    # Here, since a release that comes back to a stage holds it, and no judge moves what is held.
    yield "7  the judge and the witness", lambda: _run_jobs(scene, record, second)
    yield "8  a canary by commits", lambda: following.walk_canary(scene, record, second)
    yield "9  a rollback by a commit", lambda: following.roll_back(scene, record, first)
    yield "10  no room for a pod", lambda: following.enter_without_room(scene, record, first, third)
    yield "11  prune, sync again, hold", lambda: _end(scene, record, first, second)
    yield "12  doctor", lambda: examination.examine(scene, record)
    # The last one, since doctor knows nothing about simulated nodes.
    yield "13  many models", lambda: many_models.follow_many(scene, record, models)


def _begin(scene: Scene, record: WalkRecord) -> None:
    examination.examine_empty(scene, record)
    bootstrap.bootstrap(scene, record)


def _serve(scene: Scene, record: WalkRecord, release: str) -> None:
    serving_pods.serve_mounted(scene, record, release)
    serving_pods.refuse_old_form(scene, record, release)
    serving_pods.serve_fetched(scene, record, release)
    serving_pods.refuse_unsigned(scene, record, release)


def _run_jobs(scene: Scene, record: WalkRecord, canary: str) -> None:
    judged_canary.judge_canary(scene, record, canary)
    witnessed_logs.anchor_logs(scene, record, judged_canary.STAGE)


def _by_hand(scene: Scene, record: WalkRecord, releases: tuple[str, ...]) -> None:
    stable, canary, _ = releases
    traffic.count_canary(scene, record, stable, canary)
    traffic.roll_back_under_load(scene, record, stable, canary)
    traffic.prune_under_load(scene, record, stable, canary)
    traffic.roll_forward_without_room(scene, record, stable, canary)
    traffic.apply_twice(scene, record, stable, canary)


def _end(scene: Scene, record: WalkRecord, first: str, second: str) -> None:
    following.prune(scene, record, second)
    following.sync_again(scene, record)
    following.hold(scene, record, first)
