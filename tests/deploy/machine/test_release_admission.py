"""A release that takes long to verify holds up nothing else."""

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.audit.events.event_log import EventLog
from goldenpath.deploy.machine.release_admission import ReleaseAdmission
from goldenpath.deploy.reconcile.status import Status
from goldenpath.deploy.reconcile.verdicts import AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.workspace.stage_history import StageHistory
from tests.deploy.platform import PATIENCE, OneMachine
from tests.sizes import full_size

LARGE = 600 << 20


class Gated(LayoutStore):
    """A layout whose largest blobs are read once the gate is open."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = threading.Event()
        self.readings = 0

    def fetch(self, descriptor: Descriptor) -> Iterator[bytes]:
        if descriptor.size > 1 << 20:
            self.readings += 1
            assert self.gate.wait(PATIENCE)
        return super().fetch(descriptor)


def deployment(stage: str, model: str, *shares: tuple[Digest, int]) -> Deployment:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    return Deployment(stage, model, slots)


def test_others_are_admitted_meanwhile_and_what_three_stages_want_is_read_once(
    tmp_path: Path,
) -> None:
    here = OneMachine(tmp_path)
    small, large = here.release(), here.release(name="large", ballast=2 << 20)
    store, platform, at = Gated(here.home.registry), here.trusted().platform, datetime.now(UTC)
    admission = ReleaseAdmission(lambda _: store, StageHistory(here.repository))

    def fails(stage: str, digest: Digest) -> bool:
        question = AdmissionQuestion(at, at, 1, commit=here.trusted().commit)
        wanted = deployment(stage, "large", (digest, 100))
        found = admission(platform, wanted, digest, question).findings
        return any(each.status == "fail" for each in found)

    for stage in ("dev", "test", "prod"):
        with pytest.raises(Underway, match=large.short):
            fails(stage, large)
    while True:  # on a busy machine the small one may take more than its moment, too
        at += timedelta(seconds=1)
        try:
            assert not fails("dev", small)
            break
        except Underway as error:
            assert small.short in error.message
    with pytest.raises(Underway):
        fails("dev", large)
    store.gate.set()
    store_read = store.readings
    while store.readings:
        at += timedelta(seconds=1)
        try:
            assert [fails(stage, large) for stage in ("dev", "test", "prod")] == [
                False, True, True,
            ]  # fmt: skip
            break
        except Underway:
            continue
    assert store.readings == store_read == 1


def both(platform: Platform, large: Digest, one: Digest, two: Digest) -> dict[str, bytes | None]:
    wanted = (
        deployment("dev", "big", (large, 100)),
        deployment("dev", "credit", (one, 50), (two, 50)),
    )
    return {p: text for each in wanted for p, text in render_deployment(each, platform).items()}


def phase(status: Status, name: str) -> str:
    """What a deployment does; empty if nobody knows it."""
    return next((each.phase for each in status.deployments if each.name == name), "")


@full_size("test_others_are_admitted_meanwhile_and_what_three_stages_want_is_read_once")
def test_another_model_changes_while_a_large_release_is_verified_and_sigterm_ends_it_in_order(
    tmp_path: Path,
) -> None:
    here = OneMachine(tmp_path)
    one, two = here.release(), here.release(0.5)
    here.deploy((one, 90), (two, 10))
    large = here.release(name="big", ballast=LARGE)
    with here.up() as up:
        up.until(lambda status: phase(status, "dev/credit") == "ready")
        here.commit(both(here.trusted().platform, large, one, two))
        up.until(lambda status: phase(status, "dev/big") == "ready")
        said = (here.home.run / "said").read_text()

    changed = said.index(f"({one.short} 50%, {two.short} 50%)")
    assert said.index("dev/big: absent") < changed
    assert changed < said.index("dev/big: starting")

    with here.up() as up:  # which knows nothing yet, and verifies all of it
        up.until(lambda _: "dev/big: absent" in (here.home.run / "said").read_text())
        children = up.children()
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(PATIENCE) == 0
    assert not any(each.exists() for each in children)
    events = list(EventLog(here.home.events).read())
    assert events[-1].kind == "platform.stopped"
