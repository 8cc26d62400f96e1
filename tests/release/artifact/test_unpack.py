"""Unpacking: every way to cheat is refused, and nothing is left behind."""

import io
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, VerificationError
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.artifact.pack import pack
from goldenpath.release.artifact.unpack import MAX_FILES, open_release, unpack
from tests.oci.contract import put
from tests.release.artifact.made import contents

Members = list[tuple[tarfile.TarInfo, bytes]]


def _file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def _special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def _tar(members: Members, form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _image(store: Store, *layers: bytes, media_type: str = IMAGE_LAYER) -> Digest:
    blobs = tuple(put(store, layer, media_type) for layer in layers)
    diff_ids: list[JsonValue] = [blob.digest.text for blob in blobs]
    config = put(store, canonical_json({"rootfs": {"diff_ids": diff_ids}}), IMAGE_CONFIG)
    return put(store, Manifest(config, blobs).render(), IMAGE_MANIFEST).digest


def test_what_was_packed_is_what_is_opened(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "store")
    made = contents(tmp_path / "o", bytes(range(256)) * 20_000)
    image = pack(store, made).image

    release = open_release(store, image.digest)
    unpack(store, image.digest, tmp_path / "out")

    assert release.files["models/model.onnx"] == bytes(range(256)) * 20_000
    assert release.files["models/goldenpath/contract.json"] == made.contract
    assert release.files["models/goldenpath/env/python-version"] == b"3.11.7\n"
    on_disk = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert on_disk == dict(release.files)


def test_a_tar_of_another_maker_is_opened_if_it_is_plain() -> None:
    store = MemoryStore()
    long = "models/" + "n" * 150

    release = open_release(store, _image(store, _tar([_file("models/a"), _file(long, b"y" * 999)])))

    assert release.files == {"models/a": b"x", long: b"y" * 999}


CHEATS: Mapping[str, Members] = {
    "a path that climbs": [_file("models/../../etc/passwd")],
    "an absolute path": [_file("/etc/passwd")],
    "a path outside of models": [_file("etc/passwd")],
    "a path that only begins alike": [_file("models2/a")],
    "a backslash": [_file("models\\..\\a")],
    "a whiteout": [_file("models/.wh.a")],
    "a control character": [_file("models/a\x1b[2J")],
    "a symbolic link": [_special("models/a", tarfile.SYMTYPE, "/etc/passwd")],
    "a hard link": [_special("models/a", tarfile.LNKTYPE, "models/b")],
    "a device": [_special("models/a", tarfile.CHRTYPE)],
    "a pipe": [_special("models/a", tarfile.FIFOTYPE)],
    "an over-long name": [_file("models/" + "n" * 300)],
    "one name twice": [_file("models/a"), _file("models/a")],
    "one name in two cases": [_file("models/a"), _file("models/A")],
    "a file as folder": [_file("models/a"), _file("models/a/b")],
    "a folder as file": [_special("models/a", tarfile.DIRTYPE), _file("models/a")],
    "models itself as file": [_file("models")],
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS.keys())
def test_a_cheating_tar_is_refused_and_nothing_is_left(cheat: Members, tmp_path: Path) -> None:
    store = MemoryStore()
    digest = _image(store, _tar(cheat))

    with pytest.raises(VerificationError):
        open_release(store, digest)
    with pytest.raises(VerificationError):
        unpack(store, digest, tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def test_a_flood_of_files_is_refused() -> None:
    layer = _tar([_file(f"models/{number}", b"") for number in range(MAX_FILES + 1)])
    store = MemoryStore()

    with pytest.raises(VerificationError, match="too many files"):
        open_release(store, _image(store, layer))


def test_a_header_that_promises_too_much_is_refused_in_little_memory() -> None:
    header = tarfile.TarInfo("models/a")
    header.size = 1 << 60
    layer = header.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    store = MemoryStore()

    with pytest.raises(VerificationError, match="ends too early"):
        open_release(store, _image(store, layer))


def test_one_name_in_two_layers_is_refused() -> None:
    store = MemoryStore()
    layer = _tar([_file("models/a")])

    with pytest.raises(VerificationError, match="twice"):
        open_release(store, _image(store, layer, _tar([_file("models/a", b"other")])))


def _pax() -> bytes:
    member, content = _file("models/a")
    member.pax_headers = {"path": "../escape"}
    return _tar([(member, content)], tarfile.PAX_FORMAT)


def _bad_checksum() -> bytes:
    layer = bytearray(_tar([_file("models/a")]))
    layer[0] ^= 1
    return bytes(layer)


LAYERS: Mapping[str, Callable[[], bytes]] = {
    "pax headers": _pax,
    "a damaged header": _bad_checksum,
    "content behind the end": lambda: _tar([_file("models/a")]) + b"hidden",
    "an end too early": lambda: _tar([_file("models/a", b"x" * 5000)])[:2048],
    "no end": lambda: _tar([_file("models/a")])[:1024],
    "no tar": lambda: b"\x80\x04K\x01." * 300,
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
def test_a_layer_that_is_no_plain_tar_is_refused(layer: Callable[[], bytes]) -> None:
    store = MemoryStore()

    with pytest.raises(VerificationError):
        open_release(store, _image(store, layer()))


def _altered(store: Store, image: Descriptor, alter: Callable[[Manifest], Manifest]) -> Digest:
    manifest = Manifest.parse(read(store, image, MAX_MANIFEST))
    return put(store, alter(manifest).render(), IMAGE_MANIFEST).digest


def _resized(manifest: Manifest) -> Manifest:
    first = manifest.layers[0]
    return replace(manifest, layers=(replace(first, size=first.size + 1), *manifest.layers[1:]))


ALTERATIONS: Mapping[str, Callable[[Manifest], Manifest]] = {
    "a wrong size": _resized,
    "layers in another order": lambda m: replace(m, layers=m.layers[::-1]),
    "a layer less": lambda m: replace(m, layers=m.layers[:1]),
    "no layer": lambda m: replace(m, layers=()),
    "a layer twice": lambda m: replace(m, layers=(*m.layers, m.layers[0])),
    "too many layers": lambda m: replace(m, layers=m.layers * 60),
    "compressed layers": lambda m: replace(
        m, layers=tuple(replace(layer, media_type=IMAGE_LAYER + "+gzip") for layer in m.layers)
    ),
    "another config": lambda m: replace(m, config=replace(m.config, media_type="text/plain")),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_a_manifest_that_does_not_fit_its_content_is_refused(
    alter: Callable[[Manifest], Manifest], tmp_path: Path
) -> None:
    store = MemoryStore()
    image = pack(store, contents(tmp_path / "o")).image

    with pytest.raises(VerificationError):
        open_release(store, _altered(store, image, alter))


def test_any_flipped_bit_of_any_blob_is_refused(tmp_path: Path) -> None:
    store = LayoutStore(tmp_path / "store")
    image = pack(store, contents(tmp_path / "o")).image
    manifest = Manifest.parse(read(store, image, MAX_MANIFEST))
    for blob in (image, manifest.config, *manifest.layers):
        path = tmp_path / "store" / "blobs" / "sha256" / blob.digest.hex
        right = path.read_bytes()
        for place in (0, len(right) // 2, len(right) - 1):
            wrong = bytearray(right)
            wrong[place] ^= 4
            path.write_bytes(wrong)
            with pytest.raises(GoldenPathError) as caught:
                open_release(store, image.digest)
            assert isinstance(caught.value, VerificationError)
        path.write_bytes(right)

    assert open_release(store, image.digest)


def test_more_than_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    store = MemoryStore()
    image = pack(store, contents(tmp_path / "o")).image

    with pytest.raises(VerificationError, match="too large"):
        open_release(store, image.digest, limit=1000)


def test_a_modelpack_manifest_is_no_release_by_itself(tmp_path: Path) -> None:
    store = MemoryStore()
    packed = pack(store, contents(tmp_path / "o"))

    with pytest.raises(VerificationError, match="not a release"):
        open_release(store, packed.modelpack.digest)


def test_what_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        open_release(MemoryStore(), Digest.of(b"absent"))


def test_an_existing_folder_is_not_touched(tmp_path: Path) -> None:
    store = MemoryStore()
    image = pack(store, contents(tmp_path / "o")).image

    with pytest.raises(InvalidInput, match="exists already"):
        unpack(store, image.digest, tmp_path / "o")
