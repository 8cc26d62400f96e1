"""How long Argo CD and KServe take to bring 1,000 models in three stages into a real cluster.

The nodes are simulated, everything else is real. It needs root and the parts of `python -m cluster
build`. It ends after `CLUSTER_SYNC_SECONDS` and says how far it came.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.measurement import Measurement
from cluster.__main__ import cache_folder, missing_parts
from cluster.stack import running_stack
from cluster.walk.bootstrap import bootstrap
from cluster.walk.many_models import sync_many
from cluster.walk.record import WalkRecord
from cluster.walk.road import STAGES, begin_road
from cluster.walk.stages import Scene, WalkImages

MODELS = int(os.environ.get("CLUSTER_SYNC_MODELS", "1000"))
SECONDS = float(os.environ.get("CLUSTER_SYNC_SECONDS", "1800"))
_NAME = f"sync {MODELS:,} models x {len(STAGES)} stages, simulated nodes"


def run() -> Iterator[Measurement]:
    """How many services are Synced and Healthy, after how long, and what takes the time."""
    missing = ", ".join(missing_parts(cache_folder()))
    if missing or os.geteuid():
        yield Measurement(15, _NAME, None, "s", note=f"not measured: {missing or 'not root'}")
        return
    with (
        tempfile.TemporaryDirectory(prefix="goldenpath-cluster-") as name,
        running_stack(cache_folder(), Path(name) / "cluster", _clock, _report) as stack,
    ):
        road = begin_road(Path(name) / "road", stack.registry, stack.plane)
        # Nothing runs on a simulated node, so nobody pulls them.
        images = WalkImages(
            *(f"{stack.registry.host}/platform/{role}@sha256:{'1' * 64}" for role in "sij")
        )
        scene = Scene(stack, road, images)
        bootstrap(scene, WalkRecord(_report))
        made = sync_many(scene, MODELS, SECONDS, _report)
    yield Measurement(15, _NAME, made.seconds, "s", note=f"{made.synced} of {made.services}")
    rate = made.seconds / max(made.synced, 1)
    yield Measurement(15, "of them one service", rate, "s", note=f"processor time {made.processor}")


def _clock() -> datetime:
    return datetime.now(UTC)


def _report(line: str) -> None:
    sys.stderr.write(f"{line}\n")
