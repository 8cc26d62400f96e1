"""How soon three stages serve a release that was promoted within seconds.

Timed from the moment at which the follower is at the last commit: promoting takes time of its own.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.deploy.platform import Up
from tests.deploy.reconcile.test_quick_promotion import STAGES, is_served, promote_and, release
from tests.oci.stores.fake_registry import fake_registry
from tests.oci.stores.test_remote import remote
from tests.promote.road import MODEL, Road

from bench.measurement import Measurement
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore

GOAL = 2.0
DELAY = 0.3


def run() -> Iterator[Measurement]:
    """A layout, and a registry that takes 300 ms for each answer."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = _seconds(Path(folder), 0.0, is_remote=False)
        yield Measurement(12, "three stages, layout", seconds, "s", GOAL, seconds < GOAL)
    with tempfile.TemporaryDirectory() as folder:
        seconds, asked = _seconds(Path(folder), DELAY, is_remote=True)
        goal = GOAL + DELAY * asked
        note = f"{asked} requests, many of them side by side"
        yield Measurement(
            12, "three stages, registry of 300 ms", seconds, "s", goal, seconds < goal, note
        )


def _seconds(folder: Path, delay: float, *, is_remote: bool) -> tuple[float, int]:
    """From the follower's last commit to the last stage that serves; requests meanwhile."""
    road = Road(folder, datetime.now(UTC))
    with fake_registry() if is_remote else nullcontext() as registry:
        if registry is not None:
            address = f"oci://{registry.address}/models"
            road.change_platform(replace(road.trusted().platform, registry_store=address))
            registry.faults.page = 100
            road.store = LayoutStore(folder / "ours")  # the follower begins with nothing
        digest = release(road, MODEL)
        with Up(road.home) as up:
            up.until(lambda status: bool(status.gateway))
            for stage in STAGES:
                promote_and(road, digest, stage, None)
            if registry is not None:
                theirs = remote(registry.address, "models")
                copy(road.store, theirs, road.store.resolve(digest.text))
                registry.faults.delay, registry.asked[:] = delay, []
            head = road.trusted().commit
            up.until(lambda status: status.commit == head)
            began = time.monotonic()
            up.until(lambda status: is_served(status, {MODEL: digest}))
            asked = 0 if registry is None else len(registry.asked)
            return time.monotonic() - began, asked
