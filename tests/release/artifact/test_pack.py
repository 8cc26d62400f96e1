"""Packing: one release, one digest, in a form that every tool accepts."""

import io
import json
import os
import tarfile
import time
from pathlib import Path

import jsonschema
import pytest

from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.artifact.layers import MAX_LAYERS, Content, divide
from goldenpath.release.artifact.pack import Packed, pack
from tests.release.artifact.made import contents

SCHEMA = Path(__file__).parents[2] / "data" / "modelpack-config.schema.json"


def _manifest(store: Store, descriptor: Descriptor) -> Manifest:
    return Manifest.parse(read(store, descriptor, MAX_MANIFEST))


@pytest.fixture
def packed(tmp_path: Path) -> tuple[Store, Packed]:
    store = MemoryStore()
    return store, pack(store, contents(tmp_path / "outputs"))


def test_the_image_is_one_that_every_runtime_takes(packed: tuple[Store, Packed]) -> None:
    store, release = packed
    image = _manifest(store, release.image)
    config = json.loads(read(store, image.config, MAX_MANIFEST))

    assert image.config.media_type == IMAGE_CONFIG
    assert {layer.media_type for layer in image.layers} == {IMAGE_LAYER}
    assert config["rootfs"]["diff_ids"] == [layer.digest.text for layer in image.layers]
    assert config["created"] == "2026-01-14T14:03:00Z"
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert image.annotations["org.opencontainers.image.revision"].startswith("0123")
    assert image.artifact_type is None
    assert [layer.annotations["org.opencontainers.image.title"] for layer in image.layers] == [
        "model.onnx.tar",
        "goldenpath.tar",
    ]


def test_the_modelpack_form_has_the_same_layers_and_a_valid_config(
    packed: tuple[Store, Packed],
) -> None:
    store, release = packed
    image, modelpack = _manifest(store, release.image), _manifest(store, release.modelpack)
    config = json.loads(read(store, modelpack.config, MAX_MANIFEST))

    jsonschema.validate(config, json.loads(SCHEMA.read_bytes()))
    assert modelpack.subject == release.image
    assert [(b.digest, b.size) for b in modelpack.layers] == [
        (b.digest, b.size) for b in image.layers
    ]
    assert modelpack.layers[0].annotations["org.cncf.model.filepath"] == "models/model.onnx"
    assert config["modelfs"]["diffIds"] == [layer.digest.text for layer in image.layers]
    assert [d.digest for d in store.referrers(release.image.digest)] == [release.modelpack.digest]


def test_the_layers_are_plain_tars(packed: tuple[Store, Packed]) -> None:
    store, release = packed
    layers = _manifest(store, release.image).layers

    names: list[list[str]] = []
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(read(store, layer, layer.size)), mode="r:") as tar:
            members = tar.getmembers()
        names.append([member.name for member in members])
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
        assert {m.mode for m in members if m.isfile()} == {0o644}
        assert {m.mode for m in members if m.isdir()} == {0o755}

    assert names == [
        ["models", "models/model.onnx"],
        [
            "models",
            "models/goldenpath",
            "models/goldenpath/compliance",
            "models/goldenpath/env",
            "models/goldenpath/card.md",
            "models/goldenpath/compliance/h01.yaml",
            "models/goldenpath/contract.json",
            "models/goldenpath/env/python-version",
            "models/goldenpath/env/uv.lock",
            "models/goldenpath/profile.json",
        ],
    ]


def test_no_credential_of_the_git_remote_gets_in(packed: tuple[Store, Packed]) -> None:
    store, release = packed
    for descriptor in (release.image, release.modelpack):
        manifest = _manifest(store, descriptor)
        text = manifest.render() + read(store, manifest.config, MAX_MANIFEST)

        assert b"secret" not in text
        assert b"https://git.example/ml/credit.git" in text


def test_modes_and_times_of_the_files_do_not_matter(tmp_path: Path) -> None:
    made = contents(tmp_path / "o")
    first = pack(MemoryStore(), made)
    (tmp_path / "o" / "model.onnx").chmod(0o600)
    os.utime(tmp_path / "o" / "model.onnx", (time.time() + 99, 99))

    assert pack(LayoutStore(tmp_path / "store"), made) == first


def test_another_byte_is_another_digest(tmp_path: Path) -> None:
    first = pack(MemoryStore(), contents(tmp_path / "o", b"model"))

    assert pack(MemoryStore(), contents(tmp_path / "o", b"modeL")).image != first.image


def test_a_large_file_has_its_own_layer_and_small_ones_share_one() -> None:
    files: dict[str, Content] = {f"models/big{n}": b"0" * (1024 * 1024 + 1 + n) for n in range(3)}
    files |= {"models/a": b"a", "models/z": b"z", "models/m.onnx": b"m"}

    layers = divide(files, alone=["models/m.onnx"])

    assert [layer.single for layer in layers[:-1]] == [
        "models/big0",
        "models/big1",
        "models/big2",
        "models/m.onnx",
    ]
    assert [path for path, _ in layers[-1].files] == ["models/a", "models/z"]


def test_there_are_never_more_layers_than_nodes_can_mount(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2 * 1024 * 1024)
    files: dict[str, Content] = {f"models/big{number:03}": large for number in range(250)}
    files["models/small"] = b""

    layers = divide(files)

    assert len(layers) == MAX_LAYERS
    assert sum(len(layer.files) for layer in layers) == 251


@pytest.mark.parametrize("path", ["../escape", "/absolute", "a/../b", "a//b", "x\n", "é" * 200])
def test_a_bad_path_is_not_packed(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidInput, match="not allowed"):
        pack(MemoryStore(), contents(tmp_path / "o", **{path: b""}))


def test_a_link_or_a_missing_model_is_not_packed(tmp_path: Path) -> None:
    made = contents(tmp_path / "o")
    model = tmp_path / "o" / "model.onnx"
    model.rename(tmp_path / "elsewhere")

    with pytest.raises(NotFound, match=r"model\.onnx"):
        pack(MemoryStore(), made)
    model.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput, match="not a regular file"):
        pack(MemoryStore(), made)
