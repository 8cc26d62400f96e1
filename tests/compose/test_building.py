"""What a build works with, and what it is refused before the training begins."""

from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.compose.building import sources, workshop
from goldenpath.compose.signing import public_key
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.project.load import load_project
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.build_rules import BuildRules
from tests.deploy.platform import OneMachine
from tests.release.attest.releases import push_image


def quiet(_: str) -> None:
    """Nobody listens."""


def test_a_build_without_a_platform_is_refused_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    public_key("release", home.build_key, make=True)

    with pytest.raises(GoldenPathError):
        workshop(home, tmp_path / "work", quiet)


def test_a_build_without_a_key_is_refused_at_once(
    platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(tmp_path / "absent.pem"))

    with pytest.raises(NotFound):
        workshop(platform.home, tmp_path / "work", quiet)


def test_a_key_that_counts_nowhere_is_known_before_anything_is_trained(
    platform: OneMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public_key("mine", tmp_path / "mine", make=True)
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(tmp_path / "mine.pem"))

    with pytest.raises(InvalidInput, match="is not a build key") as caught:
        workshop(platform.home, tmp_path / "work", quiet)
    assert caught.value.hint


def test_a_build_of_the_platform_writes_into_the_registry_of_the_home_alone(
    platform: OneMachine, tmp_path: Path
) -> None:
    tools = workshop(platform.home, tmp_path / "work", quiet)

    assert tools.published is None
    assert tools.key.public_key == tools.signer.public_key()
    image = push_image(tools.store)
    assert LayoutStore(platform.home.registry).exists(image)


def test_a_release_goes_to_the_store_of_the_stages_too_if_that_is_another(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    stored = replace(here.trusted().platform, registry_store=f"layout:{tmp_path}/store")
    here.commit(platform_files(stored))

    published = workshop(here.home, tmp_path / "work", quiet).published

    assert published is not None
    assert LayoutStore(tmp_path / "store").exists(push_image(published))


def test_evidence_of_a_release_that_is_not_there_is_not_found(
    platform: OneMachine, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        sources(platform.home, "sha256:" + "0" * 64)


@pytest.mark.parametrize(
    ("rules", "declared", "message"),
    [
        (BuildRules(("a measure of tomorrow",)), False, "ran without a measure of tomorrow"),
        (BuildRules(network=False), True, "may have used the network"),
    ],
)
def test_a_build_that_the_platform_refuses_is_refused_before_anything_runs(
    starter: Path, tmp_path: Path, rules: BuildRules, declared: bool, message: str
) -> None:
    here = OneMachine(tmp_path)
    here.commit(platform_files(replace(here.trusted().platform, build=rules)))
    project = load_project(starter)
    asking = replace(project, training=replace(project.training, network=declared))
    tools = workshop(here.home, tmp_path / "work", quiet)

    with pytest.raises(InvalidInput, match=message) as refused:
        tools.train(asking)

    assert refused.value.hint
    assert not (tmp_path / "work").exists()
