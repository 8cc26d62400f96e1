"""Restrictions as a pure rule: files before and after, who signed, and when it was seen."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.digest import Digest
from goldenpath.promote.manifests.deployment_files import release_path
from goldenpath.promote.manifests.restrictions import Files, Step, refusal
from goldenpath.promote.manifests.unreadable_file import unreadable
from goldenpath.promote.platform.platform import Freeze, Platform
from goldenpath.release.attest.policy import Person
from tests.promote.example import ONE, TWO, platform
from tests.promote.repository.deployed import deployed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LINE = "ssh-ed25519 x"


def frozen(start: float = -1, end: float = 1) -> Platform:
    """A platform whose dev is frozen from `start` to `end`, in hours."""
    freeze = Freeze(NOW + start * HOUR, NOW + end * HOUR, "the year ends")
    found = platform()
    stages = (dataclasses.replace(found.stages[0], freezes=(freeze,)), *found.stages[1:])
    return dataclasses.replace(found, stages=stages, people=(Person("p", (), LINE),))


FREE = dataclasses.replace(platform(), people=(Person("p", (), LINE),))


def files(digest: Digest, *, hold: str = "", release: bytes | None = None) -> Files:
    made = {path: content or b"" for path, content in deployed(FREE, digest, hold=hold).items()}
    placed = made.pop(release_path("dev", "m"))
    return Files(made, release or placed)


def refused(
    before: Files, after: Files, place: Platform = FREE, *, signer: str = "p", hours: float = 0
) -> str:
    step = Step(
        before, after, place.stages[0], "m", signer, NOW + hours * HOUR, lambda digest: False
    )
    return refusal(step, place)


UNREADABLE = [
    b"hold: [",
    b"# hold\n" + b"[" * 50_000,
    b"hold: \xff",
    unreadable("is a symbolic link", "!120000 1234"),
    unreadable("is too large", "1234"),
]


@pytest.mark.parametrize("release", UNREADABLE)
def test_nothing_moves_past_what_may_have_been_a_hold(release: bytes) -> None:
    said = refused(files(ONE, release=release), files(TWO))

    assert said.startswith("moves dev/m, which may be on hold: before it, release.yaml")


@pytest.mark.parametrize("release", UNREADABLE)
def test_a_person_repairs_a_release_file_and_a_machine_does_not(release: bytes) -> None:
    broken, mended = files(ONE, release=release), files(ONE)

    assert refused(broken, mended) == ""
    assert "may be on hold" in refused(broken, mended, signer="rollout")


@pytest.mark.parametrize("release", UNREADABLE)
def test_a_hold_is_not_made_unreadable(release: bytes) -> None:
    held = files(ONE, hold="wait for the audit")

    assert refused(held, files(ONE, release=release)).startswith("makes dev/m unreadable")


@pytest.mark.parametrize("release", [*UNREADABLE, b"not: a release file", b""])
def test_an_unreadable_release_file_passes_no_freeze(release: bytes) -> None:
    said = refused(files(ONE), files(TWO, release=release or b"\n"), frozen())

    assert "dev is frozen until" in said


@pytest.mark.parametrize(
    ("hours", "is_frozen"), [(-1.01, False), (-1, True), (0, True), (0.99, True), (1, False)]
)
def test_a_freeze_is_judged_by_the_time_it_is_given(hours: float, is_frozen: bool) -> None:
    assert bool(refused(files(ONE), files(TWO), frozen(), hours=hours)) == is_frozen


def test_a_file_that_cannot_hold_a_restriction_is_not_read() -> None:
    assert refused(files(ONE, release=b"[" * 1000), files(TWO)) == ""
