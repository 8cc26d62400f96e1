"""Both ways with real cosign 2 and 3, against a real registry; skipped loudly where absent."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store
from goldenpath.release.attest.attach import attach, sign_image, sign_legacy
from goldenpath.release.attest.cosign import legacy_attestations, legacy_signatures
from goldenpath.release.attest.keys import PemSigner, generate_key, key_from_pem
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import EVIDENCE, PROVENANCE, SBOM, SIGNED
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import statements
from tests.oci.stores.real import docker_registry
from tests.programs import COSIGN, program
from tests.release.attest.releases import NOW, REPOSITORY, bench, push_image
from tests.release.attest.runs import BUILDER, training_run

PAST = datetime.now(UTC) - timedelta(minutes=1)
_OFFLINE = ["--insecure-ignore-tlog=true", "--allow-http-registry"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "registry").mkdir()
    with docker_registry(tmp_path / "registry") as host:
        yield f"{host}/models/credit"


def _cosign(version: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "COSIGN_PASSWORD": "words"}
    return subprocess.run(
        [program(COSIGN[version]), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _store(place: str) -> tuple[Store, Descriptor]:
    store = compose.open_store(f"oci://{place}")
    return store, push_image(store)


@pytest.mark.interop
@pytest.mark.parametrize("version", COSIGN)
def test_cosign_verifies_our_signature(version: str, place: str, tmp_path: Path) -> None:
    program(COSIGN[version])
    store, image = _store(place)
    signer = generate_key(tmp_path / "release.pem")
    generate_key(tmp_path / "other.pem")
    unsigned = push_image(store, b"unsigned")
    sign_image(store, image, place, signer, now=PAST)

    def answer(key: str, digest: str) -> int:
        arguments = ["verify", "--key", key, *_OFFLINE, f"{place}@{digest}"]
        return _cosign(version, *arguments, folder=tmp_path).returncode

    assert answer("release.pub", image.digest.text) == 0
    assert answer("other.pub", image.digest.text) != 0
    assert answer("release.pub", unsigned.digest.text) != 0


@pytest.mark.interop
def test_cosign_3_verifies_our_attestations(place: str, tmp_path: Path) -> None:
    program("cosign3")
    store, image = _store(place)
    signer = generate_key(tmp_path / "release.pem")
    for each in statements(training_run(), (image.digest,), builder=BUILDER):
        attach(store, image, each, signer, now=PAST)

    for kind in EVIDENCE:
        arguments = ["verify-attestation", "--type", kind, "--key", "release.pub", *_OFFLINE]
        done = _cosign("cosign 3", *arguments, f"{place}@{image.digest}", folder=tmp_path)
        assert done.returncode == 0, done.stderr


@pytest.mark.interop
@pytest.mark.parametrize("version", COSIGN)
def test_we_verify_what_cosign_signs_in_its_older_form(
    version: str, place: str, tmp_path: Path
) -> None:
    program(COSIGN[version])
    store, image = _store(place)
    _cosign(version, "generate-key-pair", folder=tmp_path)
    options = ["--key", "cosign.key", "--tlog-upload=false", "--allow-http-registry", "-y"]
    if version == "cosign 3":
        options += ["--use-signing-config=false", "--new-bundle-format=false"]
    (tmp_path / "predicate.json").write_text('{"buildDefinition":{}}')
    target = f"{place}@{image.digest}"

    signed = _cosign(version, "sign", *options, target, folder=tmp_path)
    attest = ["attest", "--type", PROVENANCE, "--predicate", "predicate.json"]
    attested = _cosign(version, *attest, *options, target, folder=tmp_path)

    assert (signed.returncode, attested.returncode) == (0, 0), signed.stderr + attested.stderr
    key = key_from_pem("cosign", (tmp_path / "cosign.pub").read_bytes())
    [signature] = legacy_signatures(store, image.digest, [key])
    [statement] = legacy_attestations(store, image.digest, [key])
    assert signature.signer == "cosign"
    assert signature.repository == place
    assert statement.predicate_type == PROVENANCE


@pytest.mark.interop
def test_we_verify_what_cosign_3_signs(place: str, tmp_path: Path) -> None:
    program("cosign3")
    store, image = _store(place)
    _cosign("cosign 3", "generate-key-pair", folder=tmp_path)
    options = ["--key", "cosign.key", "--tlog-upload=false", "--allow-http-registry", "-y"]
    options.append("--use-signing-config=false")

    signed = _cosign("cosign 3", "sign", *options, f"{place}@{image.digest}", folder=tmp_path)

    assert signed.returncode == 0, signed.stderr
    key = key_from_pem("cosign", (tmp_path / "cosign.pub").read_bytes())
    now = datetime.now(UTC)
    assert verify(store, image.digest, Policy((key,), (SIGNED,)), now=now).holds
    assert not verify(store, image.digest, Policy((key,), (SIGNED, SBOM)), now=now).holds


@pytest.mark.interop
@pytest.mark.parametrize("version", COSIGN)
def test_cosigns_key_file_signs_here_as_well(version: str, place: str, tmp_path: Path) -> None:
    program(COSIGN[version])
    _cosign(version, "generate-key-pair", folder=tmp_path)

    store, image = _store(place)

    signer = PemSigner.load(tmp_path / "cosign.key", "words")
    sign_image(store, image, place, signer, now=PAST)

    arguments = ["verify", "--key", "cosign.pub", *_OFFLINE, f"{place}@{image.digest}"]
    done = _cosign(version, *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.interop
def test_our_key_file_signs_with_cosign_as_well(place: str, tmp_path: Path) -> None:
    # Cosign 2.5 refuses to import any such key ("unsupported public key type").
    program("cosign3")
    store, image = _store(place)
    generate_key(tmp_path / "release.pem")

    taken = _cosign("cosign 3", "import-key-pair", "--key", "release.pem", folder=tmp_path)
    options = ["--key", "import-cosign.key", "--tlog-upload=false", "--allow-http-registry", "-y"]
    options += ["--use-signing-config=false", "--new-bundle-format=false"]
    signed = _cosign("cosign 3", "sign", *options, f"{place}@{image.digest}", folder=tmp_path)

    assert (taken.returncode, signed.returncode) == (0, 0), taken.stderr + signed.stderr
    key = key_from_pem("release", (tmp_path / "release.pub").read_bytes())
    [signature] = legacy_signatures(store, image.digest, [key])
    assert signature.repository == place


def test_an_older_signature_counts_for_its_key_and_digest_only() -> None:
    it = bench()
    other = push_image(it.store, b"other weights")
    sign_legacy(it.store, it.image, REPOSITORY, it.signer, now=NOW)
    tag = f"sha256-{other.digest.hex}.sig"
    it.store.tag(tag, it.store.resolve(f"sha256-{it.image.digest.hex}.sig"))
    key = key_from_pem("release", it.signer_pem)
    stranger = key_from_pem("stranger", bench().signer_pem)

    [found] = legacy_signatures(it.store, it.image.digest, [stranger, key])

    assert (found.signer, found.repository) == ("release", REPOSITORY)
    assert legacy_signatures(it.store, it.image.digest, [stranger]) == ()
    assert legacy_signatures(it.store, other.digest, [key]) == ()
    assert legacy_attestations(it.store, it.image.digest, [key]) == ()
