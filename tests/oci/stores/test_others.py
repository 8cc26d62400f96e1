"""Podman, modctl and a registry with the referrers API read what goldenpath writes.

`scripts/fetch-tools` downloads them; a test without its program is skipped with a message.
"""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.oci.copy import copy
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import Packed, pack
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.keys import generate_key, key_from_pem, public_pem
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import EVIDENCE, SIGNED
from goldenpath.release.attest.verify import verify
from goldenpath.release.evidence.training_statements import statements
from tests.oci.stores.real import docker_registry, referrers_registry
from tests.programs import TOOLS, program
from tests.release.artifact.made import contents
from tests.release.attest.runs import BUILDER, REMOTE, training_run

pytestmark = pytest.mark.interop
MODEL = b"model" * 100_000


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Packed]:
    folder = tmp_path_factory.mktemp("packed")
    store = LayoutStore(folder / "layout")
    made = pack(store, contents(folder / "outputs", MODEL))
    store.tag("v1", made.image)
    return folder / "layout", made


def _run(name: str, *words: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [program(name), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_podman_pulls_and_mounts_the_image(packed: tuple[Path, Packed], tmp_path: Path) -> None:
    program("podman")
    if os.geteuid() != 0:
        pytest.skip("NOT TRIED with podman: mounting an image needs root here")
    (tmp_path / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    (tmp_path / "containers.conf").write_text(
        f'[engine]\nconmon_path = ["{TOOLS}/own/usr/bin/conmon", "/usr/bin/conmon"]\n'
        'cgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n'
        f'[engine.runtimes]\ncrun = ["{TOOLS}/own/usr/bin/crun", "/usr/bin/crun"]\n'
    )
    (tmp_path / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    names = ("CONTAINERS_STORAGE_CONF", "CONTAINERS_CONF")
    files = ("storage.conf", "containers.conf")
    where = {name: str(tmp_path / file) for name, file in zip(names, files, strict=True)}
    policy = ["--signature-policy", str(tmp_path / "policy.json")]

    image = _run("podman", "pull", "-q", *policy, f"oci:{packed[0]}:v1", **where).strip()
    mounted = Path(_run("podman", "image", "mount", image, **where).strip())

    assert (mounted / "models" / "model.onnx").read_bytes() == MODEL
    assert (mounted / "models" / "goldenpath" / "card.md").is_file()


def test_modctl_pulls_the_modelpack_form(packed: tuple[Path, Packed], tmp_path: Path) -> None:
    program("modctl")
    (tmp_path / "data").mkdir()
    with docker_registry(tmp_path / "data") as host:
        store = compose.open_store(f"oci://{host}/models/credit")
        copy(LayoutStore(packed[0]), store, packed[1].modelpack)
        store.tag("v1-modelpack", packed[1].modelpack)
        reference = f"{host}/models/credit:v1-modelpack"
        options: list[str | Path] = [
            "--plain-http",
            "--no-progress",
            "--storage-dir",
            tmp_path / "storage",
        ]
        _run("modctl", "pull", reference, *options, HOME=str(tmp_path))
        inspected = _run("modctl", "inspect", reference, "--storage-dir", tmp_path / "storage")
        extracted: list[str | Path] = ["--extract-dir", tmp_path / "model", "--extract-from-remote"]
        _run("modctl", "pull", reference, *options, *extracted, HOME=str(tmp_path))

    # modctl writes its own manifest, so only digests of blobs can be compared.
    assert '"Filepath": "models/model.onnx"' in inspected
    assert (tmp_path / "model" / "models" / "model.onnx").read_bytes() == MODEL


def test_a_registry_with_the_referrers_api_lists_our_evidence(
    packed: tuple[Path, Packed], tmp_path: Path
) -> None:
    signer = generate_key(tmp_path / "release.pem")
    now = datetime.now(UTC)
    key = key_from_pem("release", public_pem(signer))
    policy = Policy((key,), (SIGNED, *EVIDENCE), 1, REMOTE, BUILDER)
    with referrers_registry(tmp_path) as host:
        repository = f"{host}/models/credit"
        store = compose.open_store(f"oci://{repository}")
        copy(LayoutStore(packed[0]), store, packed[1].image)
        digest = packed[1].image.digest
        for each in statements(training_run(), (digest,), builder=BUILDER):
            attach(store, packed[1].image, each, signer, now=now)
        sign_image(store, packed[1].image, repository, signer, now=now)

        verified = verify(store, digest, policy, now=now, blobs=True)
        artifact = f"{repository}@{digest}"
        listed = _run("oras", "discover", "--plain-http", "--format", "json", artifact)
        options = ["--insecure-ignore-tlog=true", "--allow-http-registry"]
        # A registry with the referrers API needs no fallback tag.
        assert f"sha256-{digest.hex}" not in store.tags()
        _run("cosign3", "verify", "--key", tmp_path / "release.pub", *options, artifact)

    assert verified.holds, verified.findings
    # oras shows each referrer with the type of its empty config, so annotations are counted.
    assert listed.count('"dev.sigstore.bundle.content": "dsse-envelope"') == 6
