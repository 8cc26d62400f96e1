"""How long the files of 1,000 models in three stages take to render."""

import time
from collections.abc import Iterator

from tests.promote.example import platform

from bench.measurement import Measurement
from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name

GOAL = 10.0
MODELS, STAGES = 1_000, ("dev", "test", "prod")


def run() -> Iterator[Measurement]:
    """A stable release, a canary and the release before in each deployment."""
    rules = platform()
    began, spent = time.perf_counter(), time.process_time()
    files = sum(
        len(render_deployment(_deployment(stage, f"model-{number}"), rules))
        for number in range(MODELS)
        for stage in STAGES
    )
    seconds, spent = time.perf_counter() - began, time.process_time() - spent
    name = f"render {MODELS:,} models x {len(STAGES)} stages"
    yield Measurement(
        15, name, seconds, "s", GOAL, seconds < GOAL, f"{files:,} files, {spent:.1f} s of CPU"
    )


def _deployment(stage: str, model: str) -> Deployment:
    stable, canary, before = (
        Digest.of(f"{model} {place}".encode()) for place in ("stable", "canary", "before")
    )
    slots = (Slot(slot_name(stable), stable, 90), Slot(slot_name(canary), canary, 10))
    return Deployment(stage, model, slots, standby=Slot(slot_name(before), before, 0))
