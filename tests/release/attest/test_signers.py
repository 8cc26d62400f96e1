"""Keys that others hold, through the verb: openssl as a KMS, a token of SoftHSM, passphrases."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath import compose
from goldenpath.cli import sign
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.attest.keys import generate_key, key_from_pem
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import SIGNED
from goldenpath.release.attest.verify import verify
from tests.programs import TOOLS, program
from tests.release.attest.releases import push_image

KEY, COMMAND = "GOLDENPATH_SIGNING_KEY", "GOLDENPATH_SIGNING_COMMAND"
PASSPHRASE = "GOLDENPATH_KEY_PASSPHRASE"
_OPENSSL = '#!/bin/sh\nset -e\nopenssl dgst -sha256 -sign "$1" | base64 -w0\n'
_TOKEN = """#!/bin/sh
set -e
openssl dgst -sha256 -binary > "$1/digest"
"$2" --module "$3" --token-label release --login --pin 1234 --sign --mechanism ECDSA --id 01 \\
    --signature-format openssl --input-file "$1/digest" --output-file "$1/signature" >&2
exec base64 -w0 "$1/signature"
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A layout with an unsigned image."""

    folder: Path
    store: LayoutStore
    image: Descriptor

    def sign(self, *words: str, **environment: str) -> Result:
        """Runs the verb."""
        runner = CliRunner(env={"GOLDENPATH_HOME": str(self.folder / "home"), **environment})
        reference = f"layout:{self.folder / 'registry'}@{self.image.digest}"
        return runner.invoke(sign.verb, [reference, *words])

    def is_signed(self, public: Path) -> bool:
        """Whether a policy of that one key takes the image."""
        policy = Policy((key_from_pem("key", public.read_bytes()),), (SIGNED,))
        return verify(self.store, self.image.digest, policy, now=compose.now()).holds

    def script(self, name: str, content: str) -> Path:
        """A program in the folder."""
        path = self.folder / name
        path.write_text(content)
        path.chmod(0o700)
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    store = LayoutStore(tmp_path / "registry")
    return Desk(tmp_path, store, push_image(store))


def test_openssl_signs_as_a_kms_would(desk: Desk) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT TRIED with openssl: absent")
    private, public = desk.folder / "kms.pem", desk.folder / "kms.pub"
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "genpkey", *curve, "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    kms = f"'{desk.script('kms sign', _OPENSSL)}' {private}"

    done = desk.sign(**{COMMAND: kms, KEY: str(public)})

    assert done.exit_code == 0, done.output
    assert desk.is_signed(public)


def test_a_command_that_is_not_what_it_says_signs_nothing(desk: Desk) -> None:
    generate_key(desk.folder / "one.pem")
    generate_key(desk.folder / "other.pem")
    public, kms = desk.folder / "one.pub", desk.script("kms", _OPENSSL)

    wrong = desk.sign(**{COMMAND: f"{kms} {desk.folder}/other.pem", KEY: str(public)})
    absent = desk.sign(**{COMMAND: f"{kms} {desk.folder}/absent.pem", KEY: str(public)})
    unnamed = desk.sign(**{COMMAND: f"{kms} {desk.folder}/one.pem"})
    torn = desk.sign(**{COMMAND: "kms 'one", KEY: str(public)})
    missing = desk.sign(**{COMMAND: "kms one", KEY: str(desk.folder / "none.pub")})

    assert isinstance(wrong.exception, Unavailable)
    assert "another key" in str(wrong.exception)
    assert isinstance(absent.exception, Unavailable)
    assert isinstance(unnamed.exception, InvalidInput)
    assert isinstance(torn.exception, InvalidInput)
    assert isinstance(missing.exception, NotFound)
    assert not desk.is_signed(public)


@pytest.mark.interop
def test_a_key_signs_that_never_leaves_its_token(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    util, tool = program("softhsm2-util"), program("pkcs11-tool")
    places = (TOOLS / "own" / "usr" / "lib", Path("/usr/lib"))
    module = next((each for place in places for each in place.rglob("libsofthsm2.so")), None)
    if module is None:
        pytest.skip("NOT TRIED with SoftHSM: its module is absent")
    (desk.folder / "tokens").mkdir()
    configuration = desk.folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {desk.folder}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    token: list[str | Path] = [tool, "--module", module, "--token-label", "release"]
    words: list[list[str | Path]] = [
        [util, "--module", module, "--init-token", "--free", "--label", "release",
         "--pin", "1234", "--so-pin", "5678"],
        [*token, "--login", "--pin", "1234", "--keypairgen", "--key-type", "EC:prime256v1",
         "--id", "01"],
        [*token, "--read-object", "--type", "pubkey", "--id", "01", "-o", desk.folder / "der"],
        ["openssl", "pkey", "-pubin", "-inform", "DER", "-in", desk.folder / "der",
         "-out", desk.folder / "hsm.pub"],
    ]  # fmt: skip
    for each in words:
        subprocess.run(each, check=True, capture_output=True)
    command = f"{desk.script('hsm', _TOKEN)} {desk.folder} {tool} {module}"

    done = desk.sign(**{COMMAND: command, KEY: str(desk.folder / "hsm.pub")})

    assert done.exit_code == 0, done.output
    assert desk.is_signed(desk.folder / "hsm.pub")


def test_a_passphrase_comes_from_the_environment(desk: Desk) -> None:
    generate_key(desk.folder / "release.pem", "secret words")
    file = ["--signing-key", str(desk.folder / "release.pem")]

    without = desk.sign(*file)
    wrong = desk.sign(*file, **{PASSPHRASE: "other words"})
    right = desk.sign(*file, **{PASSPHRASE: "secret words"})

    assert isinstance(without.exception, InvalidInput)
    assert isinstance(wrong.exception, InvalidInput)
    assert right.exit_code == 0
    assert desk.is_signed(desk.folder / "release.pub")
