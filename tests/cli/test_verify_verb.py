"""`goldenpath verify`, on a platform that was set up by `goldenpath init`."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath import compose
from goldenpath.cli import init, verify
from goldenpath.home import Home
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.admission_policy import admission_of, render_admission
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.attach import attach, attach_ssh, sign_image
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, Statement
from goldenpath.release.evidence.training_statements import statements
from tests.release.attest.releases import REPOSITORY, push_image
from tests.release.attest.runs import BUILDER, training_run

PAST = datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    arguments = ["--as", "engineer", "--key", str(tmp_path / "id"), "--make-key"]
    result = CliRunner().invoke(init.verb, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return tmp_path / "home"


def _release(home: Path) -> Descriptor:
    store, signer = LayoutStore(home / "registry"), PemSigner.load(home / "keys" / "release.pem")
    image = push_image(store)
    for each in statements(training_run(), (image.digest,), builder=BUILDER):
        attach(store, image, each, signer, now=PAST)
    sign_image(store, image, REPOSITORY, signer, now=PAST)
    approval = Statement((image.digest,), APPROVAL, {"decision": "approve"})
    attach_ssh(store, image, approval, SshKey.load(home.parent / "id"), now=PAST)
    return image


def test_a_release_of_the_build_key_holds(home: Path) -> None:
    image = _release(home)

    result = CliRunner().invoke(verify.verb, [image.digest.text, "--output", "json"])

    record = json.loads(result.stdout)
    assert (result.exit_code, record["holds"]) == (0, True)
    assert {finding["check"] for finding in record["findings"]} >= {"image", "blobs", "required"}


def test_an_unsigned_image_exits_4_and_says_what_to_do(home: Path) -> None:
    image = push_image(LayoutStore(home / "registry"), b"unsigned")

    result = CliRunner().invoke(verify.verb, [image.digest.text])

    assert result.exit_code == 4
    assert "does NOT hold" in result.stdout
    assert "cure: sign the release with a trusted key" in result.stdout


def test_a_damaged_model_exits_4(home: Path) -> None:
    image = _release(home)
    [weights] = [p for p in (home / "registry").rglob("*") if _is(p, b"weights")]
    weights.chmod(0o600)
    weights.write_bytes(b"weighty")

    result = CliRunner().invoke(verify.verb, [image.digest.text])

    assert result.exit_code == 4
    assert "wrong digest" in result.stdout


def test_another_policy_can_be_named(home: Path, tmp_path: Path) -> None:
    image = _release(home)
    (tmp_path / "other.toml").write_text("no platform")

    result = CliRunner().invoke(
        verify.verb, [image.digest.text, "--policy", str(tmp_path / "other.toml")]
    )

    assert result.exit_code != 0


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def test_verify_says_whose_time_decides_about_keys_that_have_ended(
    home: Path, tmp_path: Path
) -> None:
    image = _release(home)
    own = CliRunner().invoke(verify.verb, [image.digest.text])
    assert "times: no build key has ended" in own.stdout

    policy = tmp_path / "policy.toml"
    policy.write_bytes(render_admission(admission_of(_ended(home))))
    by_file = CliRunner().invoke(verify.verb, [image.digest.text, "--policy", str(policy)])

    assert by_file.exit_code == 0, "its own date is before the end of the key"
    assert "times: by its own date, which only its signer states" in by_file.stdout


def test_verify_takes_the_time_of_this_machine_where_it_follows_git(home: Path) -> None:
    """No commit names the release, so nobody saw it before its key ended."""
    image = _release(home)
    platform = _ended(home)
    repository, trusted = compose.gitops(Home(home)), compose.trusted(Home(home))
    engineer, name = SshKey.load(home.parent / "id"), trusted.platform.people[0].name
    repository.commit(
        trusted.commit, platform_files(platform), "platform: change", name, key=engineer,
        now=datetime.now(UTC),
    )  # fmt: skip

    result = CliRunner().invoke(verify.verb, [image.digest.text])

    assert "times: by the time when this machine first saw a commit that names it" in result.stdout
    assert result.exit_code == 4
    assert "nobody is known to have seen it before the key" in result.stdout


def _ended(home: Path) -> Platform:
    platform = compose.trusted(Home(home)).platform
    (key,) = platform.build_keys
    ended = replace(key, valid_until=datetime.now(UTC) - timedelta(seconds=1))
    return replace(platform, build_keys=(ended,))
