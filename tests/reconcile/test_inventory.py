"""Running = git = registry = signed = catalogue, held against each other release by release."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.digest import Digest
from goldenpath.gitops.desired import Deployment, Slot, slot_name
from goldenpath.gitops.manifests import Survey
from goldenpath.reconcile.inventory import Cell, Looked, compare
from goldenpath.reconcile.status import Status, describe
from goldenpath.reconcile.target import Running
from goldenpath.wire.stock import Watch, inventory
from tests.reconcile.platform import OneMachine

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
GOOD = Looked(True, True, "")


def deployed(*shares: tuple[Digest, int]) -> Deployment:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    return Deployment("dev", "credit", slots)


def running(*deployments: Deployment) -> Status:
    each = tuple(
        describe(d.name, d, Running(d, "ready"), None, NOW.isoformat()) for d in deployments
    )
    return Status(NOW.isoformat(), 1, "c" * 40, "127.0.0.1:1", each, ())


def cells(
    git: Deployment,
    runs: Deployment | None = None,
    looked: Looked = GOOD,
    aliases: dict[str, dict[str, str]] | None = None,
) -> tuple[Cell, ...]:
    status = running(runs or git)
    return compare(Survey((git,), {}, ()), status, lambda *_: looked, aliases or {}, NOW)


def test_what_agrees_everywhere_says_nothing() -> None:
    known = {"credit": {"dev": ONE.text}}

    (cell,) = cells(deployed((ONE, 100)), aliases=known)

    assert cell.agrees
    assert (cell.git, cell.running, cell.registry, cell.signed, cell.catalogue) == (
        100, 100, True, True, True,
    )  # fmt: skip


def test_what_runs_and_git_does_not_want_is_marked() -> None:
    both = cells(deployed((ONE, 100)), deployed((TWO, 100)))
    found = {each.digest: each.message for each in both}

    assert found[ONE.text] == "git wants it, but it does not run"
    assert found[TWO.text] == "runs, but git does not want it"


def test_another_share_is_marked() -> None:
    found = cells(deployed((ONE, 90), (TWO, 10)), deployed((ONE, 50), (TWO, 50)))

    assert {each.message for each in found} == {
        "git wants 90%, but 50% runs", "git wants 10%, but 50% runs",
    }  # fmt: skip


def test_a_release_that_the_registry_lost_is_marked() -> None:
    (cell,) = cells(deployed((ONE, 100)), looked=Looked(False, False, "it is gone"))

    assert (cell.registry, cell.signed, cell.message) == (False, False, "it is gone")


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"credit": {"dev": TWO.text}}, "alias dev is at"),
        ({"credit": {}}, "alias dev is not set"),
        ({"credit": {"prod": ONE.text}}, "alias dev is not set"),
    ],
)
def test_an_alias_that_points_elsewhere_is_marked(
    aliases: dict[str, dict[str, str]], said: str
) -> None:
    (cell,) = cells(deployed((ONE, 100)), aliases=aliases)

    assert cell.catalogue is False
    assert said in cell.message


def test_a_canary_and_a_model_that_the_catalogue_does_not_know_have_no_alias() -> None:
    found = cells(deployed((ONE, 90), (TWO, 10)), aliases={"credit": {"dev": ONE.text}})

    assert [each.catalogue for each in sorted(found, key=lambda c: c.digest != ONE.text)] == [
        True, None,
    ]  # fmt: skip
    assert cells(deployed((ONE, 100)))[0].catalogue is None


def test_a_release_is_verified_once_and_again_when_anything_about_it_changed(
    tmp_path: Path,
) -> None:
    here = OneMachine(tmp_path)
    here.home.run.mkdir()
    digest = here.release()
    here.deploy((digest, 100))
    up = running(deployed((digest, 100)))
    assert inventory(here.home, up)[0].agrees
    kept = (here.home.run / "inventory").stat()

    assert inventory(here.home, up)[0].agrees
    assert (here.home.run / "inventory").stat() == kept
    here.release(0.5)  # another release is nobody's business
    assert inventory(here.home, up)[0].agrees
    assert (here.home.run / "inventory").stat() == kept

    (here.home.registry / "blobs" / "sha256" / digest.hex).unlink()
    (cell,) = inventory(here.home, up)
    assert (cell.registry, cell.signed) == (False, False)


def test_what_is_unequal_is_watched_beside_the_loop(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    here.home.run.mkdir()
    digest = here.release(signed=False)
    here.deploy((digest, 100))
    watch, up = Watch(here.home), running(deployed((digest, 100)))
    while not (found := watch(up)):
        pass

    assert [(each.name, each.what) for each in found] == [("dev/credit", "inventory")]
    assert watch(replace(up, time=NOW.isoformat())) == found
