"""Running = git = registry = signed = catalogue, held against each other release by release."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.compose.inventory_watch import InventoryWatch, inventory
from goldenpath.deploy.machine.tenure import tenure
from goldenpath.deploy.reconcile.inventory import Cell, Looked, compare
from goldenpath.deploy.reconcile.status import Status, describe, write_status
from goldenpath.deploy.reconcile.target import Running
from goldenpath.digest import Digest
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.platform.platform import FILE
from goldenpath.release.attest.media_types import PREDICATE_TYPE
from goldenpath.release.attest.statement import SIGNED
from goldenpath.release.catalogue.registered import Registered, RegisteredModel
from tests.deploy.platform import OneMachine

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
GOOD = Looked(True, True, "")


def deployed(*shares: tuple[Digest, int]) -> Deployment:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    return Deployment("dev", "credit", slots)


def running(*deployments: Deployment) -> Status:
    each = tuple(
        describe(d.name, d, Running(d, "ready"), None, since=NOW.isoformat()) for d in deployments
    )
    return Status(NOW.isoformat(), 1, "c" * 40, "127.0.0.1:1", each, ())


def cells(
    git: Deployment,
    runs: Deployment | None = None,
    looked: Looked = GOOD,
    catalogue: Registered | None = None,
) -> tuple[Cell, ...]:
    status, stages = running(runs or git), ("dev", "test", "prod")
    survey, known = Survey((git,), {}, ()), catalogue or Registered()
    return compare(survey, status, lambda *_: looked, known, stages=stages, now=NOW).cells


def knows(*releases: Digest, shared: bool = False, **aliases: Digest) -> Registered:
    named = {stage: digest.text for stage, digest in aliases.items()}
    model = RegisteredModel(named, frozenset(each.text for each in releases))
    return Registered({"credit": model}, is_shared=shared)


def test_what_agrees_everywhere_says_nothing() -> None:
    (cell,) = cells(deployed((ONE, 100)), catalogue=knows(ONE, dev=ONE))

    assert cell.agrees
    assert (cell.git, cell.running, cell.registry, cell.signed, cell.catalogue) == (
        100, 100, True, True, True,
    )  # fmt: skip


def test_what_runs_and_git_does_not_want_is_marked() -> None:
    both = cells(deployed((ONE, 100)), deployed((TWO, 100)))
    found = {each.digest: each.message for each in both}

    assert found[ONE.text] == "git declares it, but it does not run"
    assert found[TWO.text] == "runs, but git does not declare it"


def test_another_share_is_marked() -> None:
    found = cells(deployed((ONE, 90), (TWO, 10)), deployed((ONE, 50), (TWO, 50)))

    assert {each.message for each in found} == {
        "git declares 90%, but 50% runs", "git declares 10%, but 50% runs",
    }  # fmt: skip


def test_a_release_that_the_registry_lost_is_marked() -> None:
    (cell,) = cells(deployed((ONE, 100)), looked=Looked(False, False, "it is gone"))

    assert (cell.registry, cell.signed, cell.message) == (False, False, "it is gone")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (knows(ONE, TWO, dev=TWO), f"alias dev is at {TWO.short}"),
        (knows(ONE), "alias dev is not set"),
        (knows(TWO), "has no version of it"),
        (Registered(is_shared=True), "has no version of it"),
        (
            Registered({"credit": RegisteredModel({"dev": ""}, frozenset({ONE.text}))}),
            "at a version of no release",
        ),
    ],
)
def test_what_the_catalogue_has_otherwise_is_marked(known: Registered, said: str) -> None:
    (cell,) = cells(deployed((ONE, 100)), catalogue=known)

    assert cell.catalogue is False
    assert said in cell.message


def test_a_canary_needs_a_version_and_no_alias() -> None:
    found = cells(deployed((ONE, 90), (TWO, 10)), catalogue=knows(ONE, TWO, dev=ONE))
    assert [each.catalogue for each in found] == [True, True]

    found = cells(deployed((ONE, 90), (TWO, 10)), catalogue=knows(ONE, dev=ONE))
    assert {each.digest: each.catalogue for each in found} == {ONE.text: True, TWO.text: False}


def test_a_model_that_was_not_built_here_is_not_held_against_the_catalogue_of_this_machine() -> (
    None
):
    assert cells(deployed((ONE, 100)))[0].catalogue is None


def test_an_alias_of_a_stage_in_which_git_wants_nothing_is_marked() -> None:
    known = knows(ONE, dev=ONE, prod=ONE, champion=ONE)

    here, left = cells(deployed((ONE, 100)), catalogue=known)

    assert here.agrees
    assert (left.deployment, left.git, left.running, left.catalogue) == (
        "prod/credit", None, None, False,
    )  # fmt: skip
    assert "git declares nothing of credit there" in left.message


def test_a_catalogue_that_cannot_be_read_hides_nothing_else() -> None:
    git = deployed((ONE, 100))
    away = Registered(fault="the catalogue gives no answer")

    found = compare(
        Survey((git,), {}, ()), running(git), lambda *_: GOOD, away, stages=("dev",), now=NOW
    )

    assert found.cells[0].agrees and not found.agrees
    assert found.faults == (away.fault,)


def test_a_release_is_verified_once_and_again_when_anything_about_it_changed(
    tmp_path: Path,
) -> None:
    here = OneMachine(tmp_path)
    here.home.run.mkdir()
    digest = here.release()
    here.deploy((digest, 100))
    up = running(deployed((digest, 100)))
    assert inventory(here.home, up).agrees
    kept = (here.home.run / "inventory").stat().st_ino

    assert inventory(here.home, up).agrees
    assert (here.home.run / "inventory").stat().st_ino == kept
    here.release(0.5)  # another release is nobody's business
    assert inventory(here.home, up).agrees

    blobs, store = here.home.registry / "blobs" / "sha256", LayoutStore(here.home.registry)
    (signature,) = (each for each in store.referrers(digest) if _type(each) == SIGNED)
    (blobs / signature.digest.hex).unlink()
    (cell,) = inventory(here.home, up).cells
    assert (cell.registry, cell.signed) == (True, False)
    (blobs / digest.hex).unlink()
    (cell,) = inventory(here.home, up).cells
    assert (cell.registry, cell.signed) == (False, False)


def test_a_stricter_file_calls_nothing_unsigned_that_entered_before(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    here.home.run.mkdir()
    digest, new = here.release(), here.release(0.5)
    here.deploy((digest, 100))
    up, platform = running(deployed((digest, 100))), here.trusted().platform
    strict = replace(platform.demands, builder="https://ci.example/other")
    here.commit({FILE: platform_files(replace(platform, demands=strict))[FILE]})

    assert inventory(here.home, up).agrees
    here.deploy((digest, 50), (new, 50))
    found = {each.digest: each.signed for each in inventory(here.home, up).cells}
    assert found == {digest.text: True, new.text: False}


def _type(referrer: Descriptor) -> str:
    return referrer.annotations.get(PREDICATE_TYPE, "")


def test_what_is_unequal_is_watched_beside_the_loop(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    here.home.run.mkdir()
    digest = here.release(signed=False)
    here.deploy((digest, 100))
    watch, up = InventoryWatch(here.home), running(deployed((digest, 100)))
    while not (found := watch(up)):
        pass

    assert [(each.name, each.what) for each in found] == [("dev/credit", "inventory")]
    assert watch(replace(up, time=NOW.isoformat())) == found


def test_a_machine_that_hangs_is_a_fault_of_the_inventory(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    digest = here.release()
    here.deploy((digest, 100))
    long_ago = replace(running(deployed((digest, 100))), time="2026-01-01T00:00:00+00:00")
    write_status(long_ago, here.home.run / "status.json")

    with tenure(here.home.run, takes_over=False):
        found = inventory(here.home)

    assert found.cells[0].agrees and not found.agrees
    assert "goldenpath up hangs" in found.faults[0]
    assert inventory(here.home).cells[0].running is None


def test_a_release_on_standby_is_looked_at_and_gets_no_traffic() -> None:
    git = deployed((ONE, 100)).moved_to(deployed((TWO, 100)).slots)

    found = {cell.digest: cell for cell in cells(git)}

    assert (found[ONE.text].git, found[ONE.text].running) == (0, 0)
    assert all(cell.agrees for cell in found.values())
    gone = {each.digest: each for each in cells(git, replace(git, standby=None))}
    assert "does not run" in gone[ONE.text].message
