"""The script of `verify --explain`: it succeeds for a good release and fails for a bad one."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath import compose
from goldenpath.cli import verify
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.gates.admission_policy import AdmissionPolicy, render_admission
from goldenpath.release.attest.attach import attach, attach_ssh, sign_image
from goldenpath.release.attest.keys import PemSigner, key_from_pem, public_pem
from goldenpath.release.attest.policy import Person, Policy
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import APPROVAL, EVIDENCE, SIGNED, Statement
from goldenpath.release.evidence.training_statements import statements
from tests.oci.stores.real import docker_registry
from tests.programs import program
from tests.release.attest.releases import new_signer, push_image
from tests.release.attest.runs import BUILDER, REMOTE, training_run

PAST = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
_TOOLS = ("sh", "openssl", "sha256sum", "ssh-keygen", "sed", "base64", "expr")


@dataclass(frozen=True, slots=True)
class Shown:
    """A valid release, the policy that it meets, and the place where the script finds it."""

    folder: Path
    reference: str
    admission: AdmissionPolicy
    signer: PemSigner

    def script(self) -> str:
        """Return the script that the verb prints."""
        (self.folder / "policy.toml").write_bytes(render_admission(self.admission))
        words = [self.reference, "--policy", str(self.folder / "policy.toml"), "--explain"]
        return CliRunner().invoke(verify.verb, words, catch_exceptions=False).stdout


def _published(folder: Path, store: Store, reference: str) -> tuple[Shown, Descriptor]:
    signer, person = new_signer(), SshKey.generate(folder / "id")
    image = push_image(store)
    for each in statements(training_run(), (image.digest,), builder=BUILDER):
        attach(store, image, each, signer, now=PAST)
    sign_image(store, image, "registry.example/models/credit", signer, now=PAST)
    approval = Statement((image.digest,), APPROVAL, {"decision": "approve"})
    attach_ssh(store, image, approval, person, now=PAST)
    key = replace(
        key_from_pem("release", public_pem(signer)),
        valid_from=PAST - timedelta(days=1),
        valid_until=PAST + timedelta(seconds=1),
        revoked_at=PAST + timedelta(seconds=1),
    )
    policy = Policy((key,), (SIGNED, *EVIDENCE), 1, REMOTE, BUILDER)
    people = (Person("validator", ("validator",), person.public_line),)
    shown = Shown(folder, f"{reference}@{image.digest}", AdmissionPolicy(policy, people), signer)
    return shown, image


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    absent = [name for name in _TOOLS if shutil.which(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} not here: the explanation was NOT run")
    folder = tmp_path_factory.mktemp("explained")
    store = LayoutStore(folder / "registry")
    return _published(folder, store, f"layout:{folder / 'registry'}")[0]


def _run(script: str, *folders: Path) -> "subprocess.CompletedProcess[str]":
    path = ":".join([*map(str, folders), os.environ["PATH"]])
    return subprocess.run(
        ["sh", "-c", script],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_script_holds_for_a_good_release(shown: Shown) -> None:
    done = _run(shown.script())

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Verified OK") == 6
    assert 'Good "goldenpath" signature for validator' in done.stdout
    assert done.stdout.endswith("everything holds\n")


def _flip(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize("part", [b"weights", b'"architecture"', b"dsseEnvelope", b"SSH SIGNATURE"])
def test_the_script_fails_when_a_byte_changes(shown: Shown, part: bytes, tmp_path: Path) -> None:
    script = shown.script()
    copy = tmp_path / "registry"
    shutil.copytree(shown.folder / "registry", copy)
    for path in copy.rglob("*"):
        if path.is_file() and part in path.read_bytes():
            path.chmod(0o600)
            path.write_bytes(_flip(path.read_bytes()))

    done = _run(script.replace(str(shown.folder / "registry"), str(copy)))

    assert done.returncode != 0
    assert "everything holds" not in done.stdout


Change = Callable[[str], str]
_LATE = (PAST - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
_AT = (PAST + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BEGIN PUBLIC KEY-----\n", "BEGIN PUBLIC KEY-----\nAAAA"),
        ("\nbefore " + _AT + "  # revoked", "\nbefore " + _LATE),
        ("-ge 1", "-ge 2"),
        (REMOTE, "https://git.example/fork"),
        (f'"id":"{BUILDER}"', '"id":"laptop"'),
        ('"result":"PASSED"', '"result":"FAILED"'),
        ("' counted", "x' counted"),
        (">> data", "1 >> data"),
        ("ssh-ed25519 ", "ssh-ed25519 A"),
    ],
    ids=["key", "time", "threshold", "source", "builder", "test", "approval", "data", "person"],
)
def test_each_kind_of_check_can_fail(shown: Shown, old: str, new: str) -> None:
    script = shown.script()
    assert old in script

    assert _run(script.replace(old, new)).returncode != 0


def test_the_script_of_a_release_that_does_not_hold_fails(shown: Shown) -> None:
    other = replace(shown.admission.policy, keys=(key_from_pem("a", public_pem(new_signer())),))

    assert _run(replace(shown, admission=AdmissionPolicy(other)).script()).returncode != 0


@pytest.mark.interop
def test_the_script_for_a_registry_runs_with_oras_and_cosign(tmp_path: Path) -> None:
    oras, cosign = program("oras"), program("cosign3")
    (tmp_path / "data").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cosign").symlink_to(cosign)
    with docker_registry(tmp_path / "data") as host:
        reference = f"oci://{host}/models/credit"
        shown, _ = _published(tmp_path, compose.open_store(reference), reference)
        script = shown.script()

        good = _run(script, tmp_path / "bin", oras.parent)
        bad = _run(script.replace("openssl dgst -sha256", "openssl dgst -sha512"), oras.parent)

    assert good.returncode == 0, good.stderr
    assert script.count("\ncosign verify") == 6
    assert "everything holds" in good.stdout
    assert bad.returncode != 0
