"""What is known of a release here, by whose trust, and what is said where there is none."""

from pathlib import Path

import pytest

from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.release_comparison import compared, trust
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.promote.platform.platform import render_platform
from tests.deploy.platform import OneMachine


@pytest.fixture
def released(platform: OneMachine) -> Digest:
    """The release that dev runs."""
    return desired(platform.home)[1].deployments[0].slots[0].digest


def test_without_a_platform_nothing_counts_and_why_is_said(tmp_path: Path) -> None:
    found = trust(Home(tmp_path / "none"), None)

    assert found.missing
    assert (found.people, found.followed) == ((), None)


def test_trust_is_that_of_the_commit_which_is_followed(platform: OneMachine) -> None:
    found = trust(platform.home, None)

    assert found.missing == ""
    assert found.followed == platform.trusted()
    assert [person.name for person in found.people] == ["platform-engineer"]


def test_a_file_is_trusted_instead_and_no_commit_is_named_for_it(
    platform: OneMachine, tmp_path: Path
) -> None:
    file = tmp_path / "platform.toml"
    file.write_bytes(render_platform(platform.trusted().platform))

    found = trust(Home(tmp_path / "none"), file)

    assert (found.missing, found.followed) == ("", None)
    assert [person.name for person in found.people] == ["platform-engineer"]


@pytest.mark.parametrize("content", [b"", b"version = ", b"version = 99\n", b"x" * 20_000_000])
def test_a_file_that_is_no_platform_is_refused_and_not_read_as_no_trust(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "platform.toml"
    file.write_bytes(content)

    with pytest.raises(InvalidInput):
        trust(Home(tmp_path / "none"), file)


def test_a_release_is_known_by_what_is_signed_about_it(
    platform: OneMachine, released: Digest
) -> None:
    here = trust(platform.home, None)

    known = here.known(platform.home, released.text)

    assert known.digest == released
    with pytest.raises(NotFound):
        here.known(platform.home, "sha256:" + "0" * 64)


def test_what_the_stage_demanded_is_a_fact_only_where_git_is_followed(
    platform: OneMachine, released: Digest, tmp_path: Path
) -> None:
    file = tmp_path / "platform.toml"
    file.write_bytes(render_platform(platform.trusted().platform))
    followed, stated = trust(platform.home, None), trust(platform.home, file)
    known = followed.known(platform.home, released.text)

    one, other = compared(platform.home, followed, known, known)
    alone, _ = compared(platform.home, stated, known, known)

    assert one == other
    assert one["gitops policy"].mark == "verified"
    assert "gitops policy" not in alone
