"""What is set up twice is there once, and who is not listed changes nothing."""

from pathlib import Path

import pytest

from goldenpath.compose.platform_changes import change_trust, set_up, workspace
from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.home import Home
from goldenpath.promote.acts.founding import PlatformOptions, platform_files
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.deploy.platform import OneMachine


def test_setting_up_twice_makes_nothing_anew(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    engineer = Identity("platform-engineer", SshKey.generate(tmp_path / "engineer"))
    wishes = PlatformOptions("127.0.0.1:0", "registry.example/models", ("platform-engineer",))

    first = set_up(home, engineer, wishes)
    key = home.build_key.read_bytes()
    second = set_up(home, engineer, wishes)

    assert first.created and not second.created
    assert (second.root, second.head) == (first.root, first.head)
    assert home.build_key.read_bytes() == key


def test_a_stranger_changes_no_trust(platform: OneMachine, tmp_path: Path) -> None:
    stranger = Identity("platform-engineer", SshKey.generate(tmp_path / "stranger"))
    known, before = platform.trusted(), platform.repository.fetch()

    with pytest.raises(InvalidInput):
        change_trust(
            platform.home, known, platform_files(known.platform), "people: me", acting=stranger
        )

    assert platform.repository.fetch() == before


def test_nobody_works_without_a_platform(tmp_path: Path) -> None:
    acting = Identity("platform-engineer", SshKey.generate(tmp_path / "engineer"))

    with pytest.raises(GoldenPathError):
        workspace(Home(tmp_path / "none"), acting)
