"""Three stages within seconds, under a running `goldenpath up`: each is admitted, none refused.

Only the order of events is asserted, with a generous limit; `make bench` has the seconds.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.oci.copy import copy
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from tests.deploy.platform import Up
from tests.oci.stores.fake_registry import fake_registry
from tests.oci.stores.test_remote import remote
from tests.promote.road import MODEL, Road
from tests.serve.onnx_graph import logistic_regression
from tests.serve.running import CONTRACT, WEIGHTS
from tests.sizes import full_size

STAGES = ("dev", "test", "prod")
GENEROUS = 30.0


@dataclass(frozen=True, slots=True)
class Case:
    """How far the follower's store is behind that of the people who promote."""

    registry: bool = False
    delay: float = 0.0
    """Seconds before each answer of the registry."""
    late: float = 0.0
    """Seconds from a commit until the store of the follower has its evidence."""
    models: tuple[str, ...] = (MODEL,)


CASES = {
    "layout": Case(),
    "layout, two deployments, evidence a second late": Case(late=1.0, models=(MODEL, "fraud")),
    "registry, two deployments": Case(registry=True, models=(MODEL, "fraud")),
    "registry, slow, evidence a second late": Case(registry=True, delay=0.3, late=1.0),
}


def release(road: Road, model: str) -> Digest:
    rows = np.random.default_rng(1).uniform(20, 60, 500)
    table = {"limit": rows * 1000, "age": rows, "status": np.floor(rows) % 3, "paid": rows * 2}
    profile = render_profile(build_profile(CONTRACT, table, rows / 100))
    graph = logistic_regression(WEIGHTS, -0.5)
    contract = replace(CONTRACT, name=model)
    return road.release(graph, contract=contract, profile=profile, model=model)


def is_served(status: Status, wanted: dict[str, Digest]) -> bool:
    served = {
        each.name: each.running[0].digest for each in status.deployments if each.phase == "ready"
    }
    names = {f"{stage}/{model}": wanted[model].text for model in wanted for stage in STAGES}
    return status.is_ready and served == names


_FULL = full_size("test_three_stages_within_seconds_are_all_admitted_and_nothing_is_refused")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=() if name == "layout" else _FULL)
        for name, case in CASES.items()
    ],
)
def test_three_stages_within_seconds_are_all_admitted_and_nothing_is_refused(
    case: Case, tmp_path: Path
) -> None:
    road = Road(tmp_path, datetime.now(UTC))
    with fake_registry() if case.registry else nullcontext() as registry:
        theirs: Store = LayoutStore(road.home.registry)
        if registry is not None:
            address = f"oci://{registry.address}/models"
            road.change_platform(replace(road.trusted().platform, registry_store=address))
            theirs = remote(registry.address, "models")
            registry.faults.page = 100
        # People promote in a store of their own, from which the follower's is replicated.
        road.store = LayoutStore(tmp_path / "ours")
        releases = {model: release(road, model) for model in case.models}

        def replicate() -> None:
            for digest in releases.values():
                copy(road.store, theirs, road.store.resolve(digest.text))

        replicate()
        with Up(road.home) as up:
            up.until(lambda status: bool(status.gateway))
            begun = time.monotonic()
            for digest in releases.values():
                for stage in STAGES:
                    promote_and(road, digest, stage, replicate if not case.late else None)
            if registry is not None:
                registry.faults.delay = case.delay
            if case.late:
                time.sleep(case.late)
                replicate()
            up.until(lambda status: is_served(status, releases))
            assert time.monotonic() < begun + GENEROUS + 60 * case.delay

    kinds = [event.kind for event in EventLog(road.home.events).read()]
    assert "admission.refused" not in kinds
    assert kinds.count("server.ready") >= len(STAGES) * len(releases)


def promote_and(
    road: Road, digest: Digest, stage: str, replicate: Callable[[], None] | None
) -> None:
    """Promotes at the time of this machine's clock, and replicates at once where that is wanted."""
    road.now = datetime.now(UTC)
    if stage == "prod":
        road.approve(digest, "validator", "risk-manager")
    road.now = datetime.now(UTC)
    done = road.promote_now(digest, stage)
    assert done.commit, done.decision
    if replicate is not None:
        replicate()
