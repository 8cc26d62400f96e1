"""Other people's programs find, copy and unpack what we write.

`scripts/fetch-tools` brings them.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from goldenpath.oci.copy import copy
from goldenpath.oci.descriptor import IMAGE_MANIFEST, Descriptor
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import Packed, pack
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.keys import generate_key
from tests.oci.contract import put_manifest
from tests.oci.stores.real import docker_registry
from tests.oci.stores.test_remote import remote
from tests.release.artifact.made import contents

pytestmark = pytest.mark.interop
TOOLS = Path(__file__).parents[3] / "build" / "tools" / "bin"


def run(name: str, *words: str | Path) -> str:
    """What the program prints; skips the test where it is absent, fails it if it fails."""
    fetched = TOOLS / name
    program = str(fetched) if fetched.is_file() else shutil.which(name)
    if program is None:
        pytest.skip(f"NOT TESTED with {name}: absent, scripts/fetch-tools brings it")
    done = subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real registry."""
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as address:
        yield address


@pytest.fixture
def layout(tmp_path: Path) -> tuple[Path, Packed, Descriptor]:
    """A layout on disk with one release and a note about it."""
    store = LayoutStore(tmp_path / "layout")
    packed = pack(store, contents(tmp_path / "outputs", b"model" * 100_000))
    store.tag("v1", packed.image)
    note = put_manifest(store, b"note", packed.image, "application/vnd.example.note")
    return tmp_path / "layout", packed, note


@pytest.fixture
def pushed(docker: str, layout: tuple[Path, Packed, Descriptor]) -> str:
    """The release in a repository of its own on the real registry."""
    repository = f"ml/{uuid4().hex}"
    store = remote(docker, repository)
    copy(LayoutStore(layout[0]), store, layout[1].image)
    store.tag("v1", layout[1].image)
    return f"{docker}/{repository}"


def test_oras_finds_what_hangs_on_a_release(
    pushed: str, layout: tuple[Path, Packed, Descriptor]
) -> None:
    for where in (["--plain-http", f"{pushed}:v1"], ["--oci-layout", f"{layout[0]}:v1"]):
        found = run("oras", "discover", "--format", "json", *where)

        assert layout[1].modelpack.digest.text in found
        assert layout[2].digest.text in found
        assert "application/vnd.example.note" in found


def test_oras_copies_a_release_with_its_evidence(
    pushed: str, layout: tuple[Path, Packed, Descriptor], tmp_path: Path
) -> None:
    run(
        "oras", "copy", "-r", "--from-plain-http", "--to-oci-layout",
        f"{pushed}:v1", f"{tmp_path}/copy:v1",
    )  # fmt: skip

    store = LayoutStore(tmp_path / "copy")
    assert store.resolve("v1").digest == layout[1].image.digest
    found = {d.digest for d in store.referrers(layout[1].image.digest)}
    assert found == {layout[1].modelpack.digest, layout[2].digest}


def test_oras_pulls_every_layer(
    pushed: str, layout: tuple[Path, Packed, Descriptor], tmp_path: Path
) -> None:
    run("oras", "pull", "--plain-http", "-o", tmp_path / "pulled", f"{pushed}:v1")

    names = {path.name for path in (tmp_path / "pulled").iterdir()}
    assert names == {"model.onnx.tar", "goldenpath.tar"}


def test_what_oras_attaches_is_found_by_us(pushed: str, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("checked")
    run(
        "oras", "attach", "--plain-http", "--disable-path-validation",
        "--artifact-type", "application/vnd.example.oras",
        f"{pushed}:v1", f"{tmp_path}/note.txt:text/plain",
    )  # fmt: skip

    address, _, repository = pushed.partition("/")
    store = remote(address, repository)
    types = {d.artifact_type for d in store.referrers(store.resolve("v1").digest)}
    assert "application/vnd.example.oras" in types
    assert "application/vnd.example.note" in types


def test_skopeo_copies_the_image_unchanged(
    pushed: str, layout: tuple[Path, Packed, Descriptor], tmp_path: Path
) -> None:
    copied = tmp_path / "copied"
    # Left to itself, skopeo compresses layers on their way into a layout: another digest.
    run("skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", "--preserve-digests",
        f"docker://{pushed}:v1", f"oci:{copied}:v1")  # fmt: skip
    run("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--preserve-digests",
        f"oci:{layout[0]}:v1", f"docker://{pushed}:back")  # fmt: skip

    release = open_release(LayoutStore(copied), layout[1].image.digest)
    address, _, repository = pushed.partition("/")
    assert release.files["models/model.onnx"] == b"model" * 100_000
    assert remote(address, repository).resolve("back").digest == layout[1].image.digest


def test_umoci_unpacks_the_image(layout: tuple[Path, Packed, Descriptor], tmp_path: Path) -> None:
    run("umoci", "unpack", "--rootless", "--image", f"{layout[0]}:v1", tmp_path / "bundle")

    unpacked = tmp_path / "bundle" / "rootfs" / "models"
    assert (unpacked / "model.onnx").read_bytes() == b"model" * 100_000
    assert (unpacked / "goldenpath" / "card.md").is_file()


def test_another_tool_may_write_to_our_layout(
    layout: tuple[Path, Packed, Descriptor], tmp_path: Path
) -> None:
    (tmp_path / "note.txt").write_text("checked")
    run(
        "oras", "attach", "--oci-layout", "--disable-path-validation",
        "--artifact-type", "application/vnd.example.oras",
        f"{layout[0]}:v1", f"{tmp_path}/note.txt:text/plain",
    )  # fmt: skip

    store = LayoutStore(layout[0])
    note = put_manifest(store, b"later", layout[1].image, "application/vnd.example.later")
    found = store.referrers(layout[1].image.digest)
    assert {d.artifact_type for d in found} >= {
        "application/vnd.example.oras",
        "application/vnd.example.note",
        "application/vnd.example.later",
    }
    assert store.exists(Descriptor(IMAGE_MANIFEST, note.digest, note.size))


def enforce(folder: Path, source: str, key: str) -> int:
    """The exit code of skopeo when its policy takes nothing but what `key` signed."""
    program = TOOLS / "skopeo"
    if not program.is_file():
        pytest.skip("NOT TESTED with skopeo 1.18: absent, scripts/fetch-tools brings it")
    host = source.partition("/")[0]
    demand = {
        "type": "sigstoreSigned",
        "keyPath": str(folder / key),
        "signedIdentity": {"type": "matchRepository"},
    }
    policy = {"default": [{"type": "reject"}], "transports": {"docker": {host: [demand]}}}
    (folder / "policy.json").write_text(json.dumps(policy))
    (folder / "registries.d").mkdir(exist_ok=True)
    (folder / "registries.d" / "here.yaml").write_text(
        f"docker:\n  {host}:\n    use-sigstore-attachments: true\n"
    )
    return subprocess.run(
        [
            str(program), "--policy", str(folder / "policy.json"),
            "--registries.d", str(folder / "registries.d"), "copy", "--src-tls-verify=false",
            "--remove-signatures", "--preserve-digests",
            f"docker://{source}", f"oci:{folder / uuid4().hex}:v1",
        ],
        capture_output=True, check=False, timeout=60,
    ).returncode  # fmt: skip


def test_skopeo_enforces_its_strict_policy_on_a_release(
    pushed: str, layout: tuple[Path, Packed, Descriptor], tmp_path: Path
) -> None:
    signer = generate_key(tmp_path / "release.pem")
    generate_key(tmp_path / "other.pem")
    address, _, repository = pushed.partition("/")
    image = layout[1].image
    place = f"{pushed}@{image.digest}"

    assert enforce(tmp_path, place, "release.pub") != 0
    sign_image(remote(address, repository), image, f"{pushed}-other", signer, now=datetime.now(UTC))
    assert enforce(tmp_path, place, "release.pub") != 0
    sign_image(remote(address, repository), image, pushed, signer, now=datetime.now(UTC))
    assert enforce(tmp_path, place, "release.pub") == 0
    assert enforce(tmp_path, place, "other.pub") != 0
