"""The model of rights over the registry: each holder, each statement and each reference.

Whatever a holder attaches, moves or deletes: the release that the gates refused must not run, and
what runs must not stop, unless the model leaves that field to the holder. `make test` lets each
holder try everything at once; `make full` tries each thing alone.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.rights import DOORS, FIELDS, REGISTRY, RightsScene, rights
from goldenpath.promote.acts.rotation import with_admission_key
from goldenpath.promote.manifests.deployment_files import render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.release.attest.attach import attach, attach_ssh
from goldenpath.release.attest.controls import FACTS, JUDGEMENTS
from goldenpath.release.attest.keys import PemSigner, key_from_pem, public_pem
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import (
    APPROVAL,
    DECISION,
    SCAN,
    SIGNED,
    TEST_RESULT,
    WAIVER,
    Statement,
    admitted_type,
)
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.training_statements import statements
from tests.deploy.reconcile.test_admission import brought_by_hand, failed, forged, prod
from tests.promote.repository.deployed import replacing
from tests.promote.road import MODEL, Road, good_run
from tests.release.attest.releases import new_signer
from tests.release.attest.runs import BUILDER
from tests.sizes import FULL

KINDS = sorted({*FACTS, *JUDGEMENTS, admitted_type("prod")})
HARMLESS = ("tag", "bytes", "list of statements", "approval", "waiver")
HOLDERS = (
    "person", "machine", "witness", "build key", "admission key", "pusher", "registry writer",
)  # fmt: skip


@dataclass(frozen=True)
class Registry:
    """A platform with a release that runs in prod and one beside it that the gates refuse."""

    road: Road
    good: Digest
    bad: Digest
    keys: dict[str, PemSigner | SshKey]

    def allowed(self, holder: str) -> frozenset[str]:
        """The fields that the model leaves to this kind of holder."""
        known = rights(RightsScene(self.road.trusted().platform, is_set_up=True))
        return frozenset(e.field for e in known if e.holder == holder and e.outcome != "refused")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """The bad release has no passed tests, both approvals, and a forged decision."""
    folder = tmp_path_factory.mktemp("registry")
    road = Road(folder)
    witness, admitting = road.add_witness(), new_signer()
    listed = key_from_pem("follower", public_pem(admitting))
    road.change_platform(with_admission_key(road.trusted().platform, listed))
    good, bad = road.release(), road.release(b"bad", run=replace(good_run(), checks=()))
    road.bring_to_prod(good)
    for stage in ("dev", "test"):
        place(road, bad, stage)
    road.approve(bad, "validator", "risk-manager")
    road.pass_time(days=1)
    brought_by_hand(road, bad, forged(road, bad))
    road.pass_time(minutes=5)
    keys: dict[str, PemSigner | SshKey] = {
        "person": road.people["data-scientist"].key,
        "machine": SshKey.load(road.home.rollout_key),
        "witness": witness,
        "build key": road.signer,
        "admission key": admitting,
        "pusher": SshKey.generate(folder / "stranger"),
        "registry writer": new_signer(),
    }
    return Registry(road, good, bad, keys)


def place(road: Road, digest: Digest, stage: str) -> None:
    """Commit a release into a stage by hand, so that it is there for the next one."""
    road.pass_time(minutes=1)
    trusted, engineer = road.trusted(), road.people["platform-engineer"]
    wanted = Deployment(stage, MODEL, (Slot(slot_name(digest), digest, 100),))
    made = render_deployment(wanted, trusted.platform)
    files = replacing(road.repository, trusted.commit, made)
    road.repository.commit(
        trusted.commit, files, f"{stage}: by hand", engineer.name, key=engineer.key, now=road.now,
    )  # fmt: skip


Try = tuple[str, Callable[[LayoutStore], object]]
"""A field of the model, and what a holder does to it."""


def attempts(registry: Registry, holder: str) -> Iterator[Try]:
    for digest in (registry.bad, registry.good):
        for kind in KINDS:
            yield from of_kind(registry, holder, digest, kind)
    if holder == "registry writer":
        yield from of_access(registry)


def of_kind(registry: Registry, holder: str, digest: Digest, kind: str) -> Iterator[Try]:
    """What would help the bad release and stop the good one, dated now and dated back."""
    key, road = registry.keys[holder], registry.road
    field = {SIGNED: "signature", APPROVAL: "approval", WAIVER: "waiver"}.get(kind, "evidence")
    field = {DECISION: "decision statement", admitted_type("prod"): "admission"}.get(kind, field)
    for moment in (road.now - timedelta(minutes=each) for each in (0, 10, 1500)):
        statement = content(registry, digest, kind)

        def put(store: LayoutStore, statement: Statement = statement, at: object = moment) -> None:
            image = store.resolve(digest.text)
            if isinstance(key, SshKey):
                attach_ssh(store, image, statement, key, now=at)  # type: ignore[arg-type]
            else:
                attach(store, image, statement, key, now=at)  # type: ignore[arg-type]

        yield field, put


def content(registry: Registry, digest: Digest, kind: str) -> Statement:
    """A statement of this kind that its signer would like to count."""
    if kind == SCAN:
        found = {"model.pkl": b"\x80\x04."} if digest == registry.good else {"model.onnx": b""}
        return scan_statement(scan(found, ()), (digest,))
    made = {e.predicate_type: e for e in statements(good_run(), (digest,), builder=BUILDER)}
    if kind in made and digest == registry.bad:
        return made[kind]
    if kind == TEST_RESULT:
        return Statement((digest,), kind, {"result": "FAILED", "checks": []})
    scope: JsonValue = {"environment": "prod", "model": MODEL, "until": "2099-01-01T00:00:00Z"}
    predicate: dict[str, JsonValue] = {
        "version": 1, "decision": "approve", "gate": "checks", "reason": "because I say so",
        "scope": scope, "allowed": digest == registry.bad, "stage": "prod", "model": MODEL,
        "findings": [], "approvals": [], "evidence": [], "waivers": [], "commit": "c" * 40,
        "expires": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    return Statement((digest,), kind, predicate)


def of_access(registry: Registry) -> Iterator[Try]:
    """What needs no key at all."""
    good, bad = registry.good, registry.bad

    def moved(store: LayoutStore) -> None:
        for name in (*store.tags(), f"sha256-{good.hex}", MODEL, "latest"):
            store.tag(name, store.resolve(bad.text))

    def buried(store: LayoutStore) -> None:
        image, stranger = store.resolve(good.text), new_signer()
        for number in range(30):
            worthless = Statement((good,), SCAN, {"number": number})
            attach(store, image, worthless, stranger, now=registry.road.now)

    def pushed(store: LayoutStore) -> None:
        from tests.release.attest.releases import push_image

        push_image(store, b"by nobody")

    yield from (("tag", moved), ("list of statements", buried), ("bytes", pushed))
    for digest in (good, bad):
        for each in registry.road.store.referrers(digest):
            yield "deletion", partial(delete, each.digest.hex)
        yield "deletion", partial(delete, digest.hex)


def delete(name: str, store: LayoutStore) -> None:
    blob(store, name).unlink()


def blob(store: LayoutStore, name: str) -> Path:
    return store.root / "blobs" / "sha256" / name


def effects(registry: Registry, store: LayoutStore) -> set[str]:
    """What became different: the bad release runs, or the good one does not."""
    road = registry.road
    road.store, kept = store, road.store
    try:
        return {
            name
            for name, digest, is_better in (
                ("the bad release runs", registry.bad, True),
                ("the good release stops", registry.good, False),
            )
            if runs(road, digest) is is_better
        }
    finally:
        road.store = kept


def runs(road: Road, digest: Digest) -> bool:
    try:
        return failed(road.admission(prod(digest), digest)) == []
    except GoldenPathError:
        return False  # not found or not found out: it does not start


def copy_of(registry: Registry, folder: Path) -> LayoutStore:
    return LayoutStore(Path(shutil.copytree(registry.road.home.registry, folder)))


def test_what_runs_and_what_is_refused_before_anybody_tries(registry: Registry) -> None:
    assert effects(registry, registry.road.store) == set()
    assert "checks" in failed(registry.road.admission(prod(registry.bad), registry.bad))


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_a_holder_does_in_the_registry_and_has_an_effect_is_named(
    registry: Registry, tmp_path: Path, holder: str
) -> None:
    allowed = registry.allowed(holder)
    tries = list(attempts(registry, holder))
    if FULL:
        for number, (field, attempt) in enumerate(tries):
            store = copy_of(registry, tmp_path / str(number))
            attempt(store)
            assert not effects(registry, store) or field in allowed, f"{holder}: {field}"
            shutil.rmtree(store.root)
        return
    store = copy_of(registry, tmp_path / "store")
    for field, attempt in tries:
        # What the model leaves to a holder may have an effect; these have none in spite of it.
        if field not in allowed or field in HARMLESS:
            attempt(store)

    assert effects(registry, store) == set()


def test_deleting_evidence_lets_nothing_in(registry: Registry, tmp_path: Path) -> None:
    store = copy_of(registry, tmp_path / "store")
    for each in store.referrers(registry.good):
        blob(store, each.digest.hex).unlink()

    assert effects(registry, store) == {"the good release stops"}
    assert "deletion" in registry.allowed("registry writer"), "so `sod` names it"


def test_a_build_key_says_what_tests_found_and_the_model_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    """An attempt that has an effect, so that the others show something."""
    store = copy_of(registry, tmp_path / "store")
    tries = of_kind(registry, "build key", registry.bad, TEST_RESULT)
    for _, attempt in tries:
        attempt(store)

    assert effects(registry, store) == {"the bad release runs"}
    assert "evidence" in registry.allowed("build key")


def test_the_model_has_one_answer_for_each_holder_and_each_field(registry: Registry) -> None:
    known = rights(RightsScene(registry.road.trusted().platform, is_set_up=True))
    pairs = [(each.holder, each.field) for each in known]

    assert len(pairs) == len(set(pairs))
    assert set(pairs) == {(holder, field) for holder in (*HOLDERS, "caller") for field in FIELDS}
    assert {*REGISTRY, *DOORS} <= set(FIELDS)
