"""Builds an image: base, packages and code as a layer each, and a configuration over them.

The same inputs give the same bytes: pins, lock, code, role and the version of zlib.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.images.base_image import BaseImage
from goldenpath.images.debian.base_tree import USER
from goldenpath.images.file_tree import FileTree, TreeFile
from goldenpath.images.image_interpreter import ImageInterpreter
from goldenpath.images.image_role import PROGRAM, STATE, ImageRole
from goldenpath.images.layer_cache import BuiltLayer, LayerCache
from goldenpath.images.own_code import own_code
from goldenpath.images.python_packages import LOCK, ServerPackage, WheelInstaller, locked_packages
from goldenpath.images.tree_layer import ImageLayer, push_layer, tree_digest
from goldenpath.images.unpacked_image import unpack_layers
from goldenpath.oci.descriptor import IMAGE_CONFIG, IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.oci.store import Store
from goldenpath.version import __version__

CREATED = "1970-01-01T00:00:00Z"
"""The time in every image: a real one would be another input."""
_OCI = "org.opencontainers.image."
_OURS: Mapping[str, JsonValue] = {
    "type": "application",
    "bom-ref": f"pkg:pypi/goldenpath@{__version__}",
    "name": "goldenpath",
    "version": __version__,
    "purl": f"pkg:pypi/goldenpath@{__version__}",
    "licenses": [{"expression": "Apache-2.0"}],
}


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """What an image is made of."""

    role: ImageRole
    base: BaseImage
    packages: tuple[ServerPackage, ...]

    @classmethod
    def of(cls, role: ImageRole, base: BaseImage, *, uv: bool) -> "ImagePlan":
        """Return the plan with the packages of the lock that the role needs."""
        return cls(role, base, locked_packages(LOCK.read_text(), role.packages, uv=uv))


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image in a store, and its parts for the bill of materials."""

    image: Descriptor
    layers: Sequence[ImageLayer]
    components: Sequence[Mapping[str, JsonValue]]

    @property
    def size(self) -> int:
        """Bytes of all compressed layers."""
        return sum(layer.blob.size for layer in self.layers)


def build_image(
    plan: ImagePlan, cache: LayerCache, installer: WheelInstaller, destination: Store
) -> BuiltImage:
    """Build an image, and copy it to `destination`."""
    builder = _Builder(plan, cache, installer)
    packages = builder.packages()
    code = builder.code(packages)
    layers = (*plan.base.layers, packages.layer, code.layer)
    for layer in layers:
        destination.push(layer.blob, cache.store.fetch(layer.blob))
    image = _push_image(destination, plan, layers)
    components = (*plan.base.components, *packages.components, *code.components)
    return BuiltImage(image, layers, components)


def push_base(base: BaseImage, cache: LayerCache, destination: Store) -> BuiltImage:
    """Copy a base alone to `destination`, as an image that starts nothing."""
    for layer in base.layers:
        destination.push(layer.blob, cache.store.fetch(layer.blob))
    variables: list[JsonValue] = [f"{name}={text}" for name, text in sorted(base.variables.items())]
    settings: dict[str, JsonValue] = {"User": f"{USER}:{USER}", "Env": variables}
    image = _push_manifest(destination, base.layers, settings, {_OCI + "title": "goldenpath base"})
    return BuiltImage(image, base.layers, base.components)


class _Builder:
    """Builds the layers over a base. The base is unpacked only if something has to be compiled."""

    def __init__(self, plan: ImagePlan, cache: LayerCache, installer: WheelInstaller) -> None:
        self._plan = plan
        self._cache = cache
        self._installer = installer
        self._base = " ".join(layer.diff_id.text for layer in plan.base.layers)

    def packages(self) -> BuiltLayer:
        """Return the layer of the Python packages."""
        text = "\n".join(package.text for package in self._plan.packages)
        inputs = {"layer": "packages", "base": self._base, "lock": Digest.of(text.encode()).text}
        return self._cache.layer(inputs, partial(self._unpacked, self._make_packages))

    def code(self, packages: BuiltLayer) -> BuiltLayer:
        """Return the layer of our own code."""
        tree = own_code(packages.notes["packages"], packages.notes["python"])
        inputs = {"layer": "code", "base": self._base, "code": tree_digest(tree).text}

        def make(store: Store, interpreter: ImageInterpreter, scratch: Path) -> BuiltLayer:
            whole = _with_bytecode(tree, interpreter, scratch / "compiled")
            return BuiltLayer(push_layer(store, whole, "goldenpath"), [_OURS], packages.notes)

        return self._cache.layer(inputs, partial(self._unpacked, make))

    def _unpacked(
        self, make: Callable[[Store, ImageInterpreter, Path], BuiltLayer], store: Store
    ) -> BuiltLayer:
        with TemporaryDirectory(prefix="goldenpath-image-") as folder:
            root = Path(folder) / "root"
            root.mkdir()
            unpack_layers(self._cache.store, (each.blob for each in self._plan.base.layers), root)
            return make(store, ImageInterpreter.of(root), Path(folder))

    def _make_packages(
        self, store: Store, interpreter: ImageInterpreter, scratch: Path
    ) -> BuiltLayer:
        version, place = interpreter.describe()
        site = scratch / "site"
        site.mkdir()
        installed = self._installer.install(self._plan.packages, site, place, version)
        tree = _with_bytecode(installed.tree, interpreter, scratch / "compiled")
        notes = {
            "packages": place,
            "python": f"/{interpreter.program.relative_to(interpreter.root).as_posix()}",
        }
        layer = push_layer(store, tree, "python-packages")
        return BuiltLayer(layer, installed.components, notes)


def _with_bytecode(
    tree: FileTree, interpreter: ImageInterpreter, scratch: Path
) -> dict[str, TreeFile]:
    scratch.mkdir()
    return {**tree, **interpreter.compiled(tree, scratch)}


def _push_image(store: Store, plan: ImagePlan, layers: Sequence[ImageLayer]) -> Descriptor:
    role = plan.role
    labels = {
        _OCI + "title": role.title,
        _OCI + "version": __version__,
        _OCI + "licenses": "Apache-2.0",
        _OCI + "base.digest": plan.base.digest.text,
    }
    settings: dict[str, JsonValue] = {
        "User": f"{USER}:{USER}",
        "Env": [f"{name}={value}" for name, value in sorted(_variables(plan).items())],
        "Entrypoint": [PROGRAM, role.verb] if role.verb else [PROGRAM],
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
        "Labels": dict(labels),
    }
    if role.ports:
        settings["ExposedPorts"] = {f"{port}/tcp": {} for port in role.ports}
    return _push_manifest(store, layers, settings, labels)


def _push_manifest(
    store: Store,
    layers: Sequence[ImageLayer],
    settings: Mapping[str, JsonValue],
    labels: Mapping[str, str],
) -> Descriptor:
    config = canonical_json(_config(layers, settings))
    described = Descriptor.of(IMAGE_CONFIG, config)
    store.push(described, [config])
    blobs = tuple(layer.blob for layer in layers)
    manifest = Manifest(described, blobs, annotations=labels).render()
    image = Descriptor.of(IMAGE_MANIFEST, manifest)
    store.push(image, [manifest])
    return image


def _config(
    layers: Sequence[ImageLayer], settings: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": CREATED,
        "config": dict(settings),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id.text for layer in layers]},
        "history": [
            {"created": CREATED, "created_by": f"goldenpath: {layer.title}"} for layer in layers
        ],
    }


def _variables(plan: ImagePlan) -> Mapping[str, str]:
    return {
        **plan.base.variables,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": STATE,
        "LC_ALL": "C.UTF-8",
        "GOLDENPATH_HOME": STATE,
        **plan.role.variables,
    }
