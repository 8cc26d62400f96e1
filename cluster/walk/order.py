"""The steps of the walk in their order."""

import datetime
from collections.abc import Callable
from pathlib import Path

from cluster.stack import running_stack
from cluster.walk.record import WalkRecord
from cluster.walk.road import begin_road
from cluster.walk.serving_pods import (
    build_images,
    refuse_old_form,
    refuse_unsigned,
    serve_fetched,
    serve_mounted,
    share_caches,
)
from cluster.walk.stages import Scene

Clock = Callable[[], datetime.datetime]


def walk_all(
    cache: Path, folder: Path, clock: Clock, record: WalkRecord, *, keep_going: bool = False
) -> None:
    """Start a cluster and walk every step. Raises `WalkFailed` at the first claim that fails."""
    with (
        record.stepping("1  a cluster from nothing"),
        running_stack(cache, folder / "cluster", clock, record.report) as stack,
    ):
        with record.stepping("2  a platform, two releases, and our images"):
            share_caches(folder / "road" / ".goldenpath", cache)
            road = begin_road(folder / "road", stack.registry)
            first = road.build(1)
            record.note("a release is built, signed and pushed", first)
            scene = Scene(stack, road, build_images(road, record))
        with record.stepping("3  our server as a pod"):
            serve_mounted(scene, record, first)
            refuse_old_form(scene, record, first)
            serve_fetched(scene, record, first)
            refuse_unsigned(scene, record, first)
