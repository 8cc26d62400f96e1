"""Packs a trained model as one OCI image and one ModelPack manifest over the same blobs.

The same contents give the same digest on every machine, for every user and in every time zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import commonpath
from urllib.parse import urlsplit, urlunsplit

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.oci.stream import TrackProgress, untracked
from goldenpath.release.artifact import modelpack
from goldenpath.release.artifact.archive import ArchiveEntry
from goldenpath.release.artifact.layers import MODELS, Content, Layer, divide, render_layer, size_of
from goldenpath.train.environment.runtime import Runtime, render_runtime

PLATFORM_FOLDER = f"{MODELS}/goldenpath"
"""Folder in the image for the contract, profile, lock and documents of the model."""
CONTRACT = f"{PLATFORM_FOLDER}/contract.json"
PROFILE = f"{PLATFORM_FOLDER}/profile.json"
LOCK = f"{PLATFORM_FOLDER}/env/uv.lock"
PYTHON_VERSION = f"{PLATFORM_FOLDER}/env/python-version"
MODEL = f"{MODELS}/model.onnx"
CODE = f"{PLATFORM_FOLDER}/code"
"""Folder of the files of the project's `src/`, for a model that is code."""
RUNTIME = f"{PLATFORM_FOLDER}/env/runtime.json"
"""The rendered `Runtime` (`goldenpath.train.environment.runtime`), for a model that is code."""
WHEELS = f"{PLATFORM_FOLDER}/env/wheels"
"""Folder of its wheels. Each has its own layer, so that registries and nodes store it only once."""

_OCI = "org.opencontainers.image."
REVISION = _OCI + "revision"
"""Annotation of an image: its commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything that goes into a release."""

    name: str
    version: str
    """The project's own version."""
    outputs: Path
    """Folder with the outputs of the training."""
    model_files: tuple[str, ...] = ("model.onnx",)
    """Files of `outputs` that are the model; no other file of it is packed."""
    model_format: str = "onnx"
    contract: bytes
    profile: bytes
    lock: bytes
    python_version: str
    documents: Mapping[str, bytes]
    """`card.md` and `compliance/*.yaml`, by path."""
    commit: str
    committed_at: str
    """RFC 3339, UTC. The only time in a release, since it has to be reproducible."""
    remote: str = ""
    licence: str = ""
    runtime: Runtime | None = None
    """Only for a model that is code, like `code` and `wheels`."""
    code: Mapping[str, bytes] = field(default_factory=dict)
    """Files of `src/`, by path below it."""
    wheels: Mapping[str, Path] = field(default_factory=dict)
    """Every wheel of `runtime`, by file name."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The two manifests of a release; the digest of `image` is the model digest."""

    image: Descriptor
    modelpack: Descriptor


def pack(store: Store, contents: Contents, watch: TrackProgress = untracked) -> Packed:
    """Write the release into `store`. Raises `NotFound` or `InvalidInput` for a bad file."""
    files = _files(contents)
    layers = release_layers(files)
    with watch(sum(size_of(content) for content in files.values())) as progress:
        blobs = tuple(store.add(IMAGE_LAYER, render_layer(layer, progress)) for layer in layers)
    image = _push_image(store, contents, layers, blobs)
    return Packed(image, _push_modelpack(store, contents, layers, blobs, image=image))


def release_layers(files: Mapping[str, Content]) -> tuple[Layer, ...]:
    """Divide the files of a release into layers; the division depends on nothing but the files.

    Each file of the model and each wheel has its own layer. The code has one together.
    """
    frame = PLATFORM_FOLDER + "/"
    alone = (path for path in files if not path.startswith(frame) or path.startswith(WHEELS + "/"))
    return divide(files, alone, (path for path in files if path.startswith(CODE + "/")))


def title_of(layer: Layer) -> str:
    """Return the file name under which other tools store a layer."""
    path = layer.single or commonpath(name for name, _ in layer.files)
    return path.removeprefix(MODELS + "/").replace("/", "-") + ".tar"


def without_credentials(remote: str) -> str:
    """Return the address of a git remote without user name and password."""
    parts = urlsplit(remote)
    if not parts.scheme:
        return remote
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _files(contents: Contents) -> dict[str, Content]:
    files: dict[str, Content] = {
        CONTRACT: contents.contract,
        PROFILE: contents.profile,
        LOCK: contents.lock,
        PYTHON_VERSION: contents.python_version.encode() + b"\n",
    }
    files |= {f"{PLATFORM_FOLDER}/{path}": content for path, content in contents.documents.items()}
    if contents.runtime is not None:
        files[RUNTIME] = render_runtime(contents.runtime)
        files |= {f"{CODE}/{path}": content for path, content in contents.code.items()}
        files |= {f"{WHEELS}/{name}": path for name, path in contents.wheels.items()}
    return files | {f"{MODELS}/{name}": contents.outputs / name for name in contents.model_files}


def _push_image(
    store: Store, contents: Contents, layers: tuple[Layer, ...], blobs: tuple[Descriptor, ...]
) -> Descriptor:
    labels = _labels(contents)
    # The content has no architecture, but the field is required. Kubelets accept a single manifest
    # on a node of any architecture.
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": contents.committed_at,
            "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [blob.digest.text for blob in blobs]},
            "history": [
                {"created": contents.committed_at, "created_by": f"goldenpath: {title_of(layer)}"}
                for layer in layers
            ],
        }
    )
    titled = tuple(
        Descriptor(IMAGE_LAYER, blob.digest, blob.size, None, {_OCI + "title": title_of(layer)})
        for layer, blob in zip(layers, blobs, strict=True)
    )
    manifest = Manifest(_push(store, IMAGE_CONFIG, config), titled, annotations=labels)
    return _push(store, IMAGE_MANIFEST, manifest.render())


def _push_modelpack(
    store: Store,
    contents: Contents,
    layers: tuple[Layer, ...],
    blobs: tuple[Descriptor, ...],
    *,
    image: Descriptor,
) -> Descriptor:
    config = modelpack.render_config(_description(contents), contents.model_format, blobs)
    typed = tuple(_typed(layer, blob) for layer, blob in zip(layers, blobs, strict=True))
    manifest = Manifest(
        config=_push(store, modelpack.CONFIG, config),
        layers=typed,
        subject=image,
        artifact_type=modelpack.ARTIFACT_TYPE,
        annotations=_labels(contents),
    )
    return _push(store, IMAGE_MANIFEST, manifest.render())


def _typed(layer: Layer, blob: Descriptor) -> Descriptor:
    path = layer.single
    first = layer.files[0][0]
    if first.startswith((CODE + "/", WHEELS + "/")):
        return modelpack.code(blob, path or commonpath(name for name, _ in layer.files))
    if path is None or path.startswith(PLATFORM_FOLDER + "/"):
        return modelpack.documents(blob, path or PLATFORM_FOLDER)
    content = layer.files[0][1]
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    return modelpack.weight(blob, ArchiveEntry(path, size))


def _labels(contents: Contents) -> dict[str, str]:
    labels = {
        "title": contents.name,
        "version": contents.version,
        "revision": contents.commit,
        "created": contents.committed_at,
        "source": without_credentials(contents.remote),
        "licenses": contents.licence,
    }
    return {_OCI + key: text for key, text in labels.items() if text}


def _description(contents: Contents) -> dict[str, JsonValue]:
    description: dict[str, JsonValue] = {
        "name": contents.name,
        "version": contents.version,
        "revision": contents.commit,
        "createdAt": contents.committed_at,
        "sourceURL": without_credentials(contents.remote),
        "licenses": [contents.licence] if contents.licence else [],
    }
    return {key: value for key, value in description.items() if value}


def _push(store: Store, media_type: str, content: bytes) -> Descriptor:
    descriptor = Descriptor.of(media_type, content)
    store.push(descriptor, [content])
    return descriptor
