"""Which repository is followed, whom it lists, and which release a name means."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from goldenpath.compose.gitops_access import (
    forge,
    gitops,
    last_names,
    person,
    release,
    trusted,
)
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.forge_settings import ForgeSettings
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.deploy.platform import OneMachine
from tests.release.attest.releases import push_image


@pytest.fixture
def elsewhere(platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A machine that was never set up, and follows the platform by its address."""
    monkeypatch.setenv("GOLDENPATH_GITOPS", str(platform.home.gitops))
    return Home(tmp_path / "elsewhere")


def test_without_a_platform_nothing_is_trusted_and_the_cure_is_named(tmp_path: Path) -> None:
    with pytest.raises(GoldenPathError) as caught:
        trusted(Home(tmp_path / "none"))

    assert caught.value.hint


def test_the_home_has_its_own_repository_unless_the_environment_names_one(
    platform: OneMachine, elsewhere: Home
) -> None:
    assert gitops(elsewhere).fetch() == platform.repository.fetch()
    # Its first commit is not known here: whoever answers at an address is not trusted for that.
    with pytest.raises(GoldenPathError):
        trusted(elsewhere)
    assert not elsewhere.trust.exists()


@pytest.mark.parametrize("root", ["main", "f" * 39, "F" * 40, "f" * 41, "f" * 40 + "\n"])
def test_a_first_commit_that_is_none_is_refused_and_pins_nothing(
    elsewhere: Home, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.setenv("GOLDENPATH_TRUST", root)

    with pytest.raises(InvalidInput, match="GOLDENPATH_TRUST is not a commit"):
        trusted(elsewhere)
    assert not elsewhere.trust.exists()


def test_a_machine_takes_the_first_commit_from_its_environment_and_follows_it(
    platform: OneMachine, elsewhere: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_TRUST", platform.trusted().commit)
    with pytest.raises(GoldenPathError):
        trusted(elsewhere)  # a commit of it, and not the first

    elsewhere.trust.unlink(missing_ok=True)
    monkeypatch.setenv("GOLDENPATH_TRUST", pinned(platform))

    assert trusted(elsewhere).commit == platform.trusted().commit


def pinned(platform: OneMachine) -> str:
    """The first commit, as the machine that set it up keeps it."""
    return str(msgspec.json.decode(platform.home.trust.read_bytes())["root"])


def test_a_pin_that_is_there_is_not_changed_by_the_environment(
    platform: OneMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pinned(platform)
    monkeypatch.setenv("GOLDENPATH_TRUST", "0" * 40)

    trusted(platform.home)

    assert pinned(platform) == before


def test_names_are_those_of_the_last_commit_that_counted(platform: OneMachine) -> None:
    names = last_names(platform.home)

    assert names.stages == ("dev", "test", "prod")
    assert "platform-engineer" in names.people
    assert names.models == ("credit",)


def test_only_who_is_listed_with_this_key_acts(platform: OneMachine, tmp_path: Path) -> None:
    key, other = platform.folder / "engineer", tmp_path / "other"
    SshKey.generate(other)

    assert person(platform.home, "platform-engineer", key).name == "platform-engineer"
    for name, path in (
        ("platform-engineer", other), ("somebody", key), ("somebody", other),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            person(platform.home, name, path)


def test_pull_requests_need_a_forge_and_a_token_that_can_be_read(
    platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = platform.trusted().platform
    hosted = replace(plain, forge=ForgeSettings("github", "https://forge.example", "team/gitops"))

    assert forge(hosted) is None
    monkeypatch.setenv("GOLDENPATH_FORGE_TOKEN", "t")
    assert forge(plain) is None
    assert forge(hosted) is not None
    monkeypatch.delenv("GOLDENPATH_FORGE_TOKEN")
    monkeypatch.setenv("GOLDENPATH_FORGE_TOKEN_FILE", str(tmp_path / "absent"))
    with pytest.raises(InvalidInput, match="names no token"):
        forge(hosted)


def test_a_release_is_looked_for_in_the_home_and_then_in_the_store_of_the_platform(
    tmp_path: Path,
) -> None:
    here = OneMachine(tmp_path)
    stored = replace(here.trusted().platform, registry_store=f"layout:{tmp_path}/store")
    here.commit(platform_files(stored))
    there = push_image(LayoutStore(tmp_path / "store"), b"of the platform")
    here_alone = push_image(LayoutStore(here.home.registry), b"of the home")

    assert release(here.home, there.digest.text) == there.digest
    assert release(here.home, here_alone.digest.text) == here_alone.digest
    with pytest.raises(NotFound):
        release(here.home, "v1")


def test_a_reference_that_says_where_it_is_is_looked_for_there_alone(
    platform: OneMachine, tmp_path: Path
) -> None:
    image = push_image(LayoutStore(tmp_path / "other"), b"there alone")

    assert release(platform.home, f"layout:{tmp_path}/other@{image.digest}") == image.digest
    with pytest.raises(NotFound):
        release(platform.home, f"layout:{tmp_path}/empty@{image.digest}")
    with pytest.raises(NotFound):
        release(platform.home, image.digest.text)
