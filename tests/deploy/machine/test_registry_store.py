"""`goldenpath up` on a machine whose store is a registry over HTTP."""

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.compose.inventory_watch import inventory
from goldenpath.compose.stores import store_of
from goldenpath.deploy.machine.release_admission import ReleaseAdmission
from goldenpath.deploy.reconcile.status import Status
from goldenpath.deploy.reconcile.verdicts import AdmissionQuestion, Underway
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import METRICS, Statement
from tests.deploy.platform import OneMachine
from tests.oci.stores.fake_registry import State, fake_registry
from tests.oci.stores.test_remote import remote
from tests.release.attest.releases import new_signer


def _machine(folder: Path, registry: State) -> OneMachine:
    made = OneMachine(folder)
    store = f"oci://{registry.address}/models"
    made.commit(platform_files(replace(made.trusted().platform, registry_store=store)))
    return made


def _only_in_the_registry(here: OneMachine, registry: State, *releases: Digest) -> None:
    store = remote(registry.address, "models")
    for digest in releases:
        copy(here.store, store, here.store.resolve(digest.text))
    shutil.rmtree(here.home.registry)


def _runs(status: Status, digest: Digest) -> bool:
    return any(
        [slot.digest for slot in each.running] == [digest.text] and each.phase == "ready"
        for each in status.deployments
    )


def test_up_pulls_what_it_admits_and_needs_the_registry_no_more(tmp_path: Path) -> None:
    with fake_registry() as registry:
        registry.faults.has_referrers = False
        here = _machine(tmp_path, registry)
        good, unsigned = here.release(), here.release(0.5, signed=False)
        _only_in_the_registry(here, registry, good, unsigned)
        here.deploy((good, 100))
        with here.up() as up:
            up.until(lambda status: _runs(status, good))
            here.deploy((unsigned, 100))
            refused = up.until(lambda status: "is not admitted" in str(status))
        found = {each.digest: each for each in inventory(here.home).cells}
        asked = len(registry.asked)
        assert {each.digest: each for each in inventory(here.home).cells} == found
        assert len(registry.asked) == asked  # a thousand releases are not asked for again
        here.deploy((good, 50), (unsigned, 50))
        inventory(here.home)
        assert len(registry.asked) > asked  # a newer commit on the deployment asks anew

    assert (found[unsigned.text].registry, found[unsigned.text].signed) == (True, False)
    pulled = LayoutStore(here.home.registry)
    assert _runs(refused, good)
    assert [each.check for each in _admitted_in_the_end(here, good) if each.status == "fail"] == []
    assert pulled.resolve(good.text)
    with pytest.raises(NotFound):
        pulled.resolve(unsigned.text)


def test_worthless_statements_in_the_registry_hide_nothing_and_are_not_pulled(
    tmp_path: Path,
) -> None:
    with fake_registry() as registry:
        here = _machine(tmp_path, registry)
        good = here.release()
        _only_in_the_registry(here, registry, good)
        store, stranger = remote(registry.address, "models"), new_signer()
        image = store.resolve(good.text)
        genuine = {each.digest for each in store.referrers(good)}
        for number in range(30):
            junk = Statement((good,), METRICS, {"number": number})
            attach(store, image, junk, stranger, now=datetime.now(UTC))

        findings = _admitted_in_the_end(here, good)

    assert [each for each in findings if each.status == "fail"] == []
    pulled = {each.digest for each in LayoutStore(here.home.registry).referrers(good)}
    assert pulled
    assert pulled <= genuine


def _admitted_in_the_end(here: OneMachine, digest: Digest) -> tuple[Finding, ...]:
    """The verdict, once everything is pulled and verified."""
    admission = ReleaseAdmission(
        lambda platform: store_of(here.home, platform), StageHistory(here.repository)
    )
    deployment = Deployment("dev", "credit", (Slot(slot_name(digest), digest, 100),))
    trusted = here.trusted()
    for step in range(200):
        now = datetime.now(UTC)
        question = AdmissionQuestion(now, now, 1, commit=trusted.commit)
        with suppress(Underway):
            return admission(trusted.platform, deployment, digest, question).findings
        assert step < 199
        time.sleep(0.1)
    raise AssertionError
