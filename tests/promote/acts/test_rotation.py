"""Build keys are added, ended and revoked by real commits and verbs, with the real clock."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from goldenpath.cli import confirm, key, platform, sign, sod, verify
from goldenpath.compose.building import workshop
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.promote.acts.rotation import require_trusted
from goldenpath.promote.platform.platform import FILE
from goldenpath.release.attest.keys import PemSigner
from tests.promote.road import Road
from tests.release.attest.releases import new_signer

BEFORE = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def _time(minutes: int) -> str:
    """The time so many minutes ago, as the command line accepts it."""
    return f"{datetime.now(UTC) - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}"


class Town:
    """A platform, its verbs, and releases signed by the present build key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.road = Road(folder, BEFORE)
        self.runner = CliRunner(env={"GOLDENPATH_HOME": str(self.road.home.root)})

    def run(self, verb: click.Command, *words: str) -> str:
        result = self.runner.invoke(verb, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def act(self, verb: click.Command, *words: str, by: str = "platform-engineer") -> str:
        return self.run(verb, *words, "--as", by, "--key", str(self.folder / by))

    def release(self, name: str, key_file: Path | None = None) -> Digest:
        """A release whose evidence and signature are of this moment."""
        self.road.signer = PemSigner.load(key_file or self.road.home.build_key)
        return self.road.release(weights=name.encode())

    def refused(self, digest: Digest) -> Sequence[str]:
        """The messages of failed findings by the dates of the statements; empty if it verifies.

        By a policy file, since this machine has seen no commit that names the release.
        """
        policy = self.folder / "policy.toml"
        policy.write_text(self.run(platform.verb, "policy"))
        words = [digest.text, "--policy", str(policy), "--output", "json"]
        result = self.runner.invoke(verify.verb, words, catch_exceptions=False)
        record = json.loads(result.stdout)
        assert (result.exit_code == 0) is record["holds"]
        said = [] if record["holds"] else [each["message"] for each in record["findings"]]
        return [message for message in said if "key" in message or "missing" in message]

    def new_key(self, name: str) -> Path:
        self.act(key.verb, "add", name, str(self.folder / f"{name}.pub"), "--make-key")
        return self.folder / f"{name}.pem"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_key_is_changed_and_what_it_signed_before_still_counts(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = town.release("old")
    new_file = town.new_key("build-2026")
    town.act(key.verb, "end", "release", "--at", _time(5))

    town.road.now = datetime.now(UTC)
    late, new = town.release("late"), town.release("new", new_file)

    assert not town.refused(old)
    assert not town.refused(new)
    assert any("release was no longer valid" in finding for finding in town.refused(late))
    with pytest.raises(InvalidInput, match="build key release is not valid now"):
        workshop(town.road.home, town.folder, print)
    monkeypatch.setenv("GOLDENPATH_SIGNING_KEY", str(new_file))
    assert workshop(town.road.home, town.folder, print).signer
    assert "build-2026  without limit\n" in town.run(key.verb, "list")
    commits = town.road.repository
    assert [c.subject for c in commits.commits(commits.between(None, commits.fetch()))][-2:] == [
        "platform: trust the build key build-2026",
        "platform: end the build key release",
    ]


def test_a_revocation_reaches_back_to_its_time_and_no_further(town: Town) -> None:
    old = town.release("old")
    town.road.now = datetime.now(UTC)
    late = town.release("late")
    new_file = town.new_key("build-2026")

    town.act(key.verb, "revoke", "release", "--at", _time(5))
    assert not town.refused(old)
    assert any("release has been revoked since" in finding for finding in town.refused(late))

    town.act(key.verb, "revoke", "release", "--all")
    assert any("release has been revoked since 1970" in finding for finding in town.refused(old))
    with pytest.raises(InvalidInput, match="is revoked since 1970"):
        town.act(key.verb, "revoke", "release", "--at", _time(5))

    # The same content built again has the same digest, and the new key signs it.
    assert town.release("old", new_file) == old
    assert not town.refused(old)


def test_a_threshold_is_met_by_another_key_and_not_by_the_same_twice(town: Town) -> None:
    release = town.release("one")
    second = town.new_key("second")
    written = town.run(platform.verb, "show").replace("builder =", "threshold = 2\nbuilder =")
    (town.folder / FILE).write_text(written)
    town.act(platform.verb, "change", str(town.folder / FILE), "--reason", "two keys")
    (town.folder / "policy.toml").write_text(town.run(platform.verb, "policy"))
    by_file = [release.text, "--policy", str(town.folder / "policy.toml")]

    town.run(sign.verb, release.text)
    assert town.runner.invoke(verify.verb, [release.text]).exit_code == 4
    assert town.runner.invoke(verify.verb, by_file).exit_code == 4

    town.run(sign.verb, release.text, "--signing-key", str(second))
    assert "expected 2 keys, got 2" in town.run(verify.verb, release.text)
    assert "expected 2 keys, got 2" in town.run(verify.verb, *by_file)
    with pytest.raises(InvalidInput, match="too few keys could sign"):
        town.act(key.verb, "end", "second")


def test_after_set_up_a_key_needs_a_second_person(town: Town) -> None:
    def propose(verb: click.Command, *words: str) -> str:
        proposal: str = json.loads(town.act(verb, *words, "--output", "json"))["proposal"]
        return proposal

    town.act(confirm.verb, propose(sod.verb, "--seal"), by="validator")
    waiting = propose(key.verb, "add", "build-2026", str(town.folder / "new.pub"), "--make-key")

    assert "build-2026" not in town.run(key.verb, "list")
    town.act(confirm.verb, waiting, by="validator")
    assert "build-2026" in town.run(key.verb, "list")


def test_keys_are_named_once_and_have_to_be_there(town: Town) -> None:
    public = str(town.road.home.build_key.with_suffix(".pub"))

    with pytest.raises(InvalidInput, match="lists the build key release already"):
        town.act(key.verb, "add", "other", public)
    with pytest.raises(InvalidInput, match="is not a build key of"):
        stranger = new_signer().public_key()
        require_trusted(town.road.trusted().platform, stranger, town.road.now)
    with pytest.raises(NotFound, match="no build key absent"):
        town.act(key.verb, "revoke", "absent", "--all")
    with pytest.raises(NotFound, match="does not exist"):
        town.act(key.verb, "add", "other", str(town.folder / "absent.pub"))
    with pytest.raises(InvalidInput, match="too few keys could sign"):
        town.act(key.verb, "end", "release")
