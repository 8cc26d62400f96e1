"""The image that others are built on: from pinned Debian packages, or somebody's by digest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.images.debian.base_tree import AUTHORITIES, base_tree
from goldenpath.images.debian.debian_download import pinned_package
from goldenpath.images.debian.debian_package import DebianPackage, read_package
from goldenpath.images.debian.debian_pins import BasePins, DebianPin, render_pins
from goldenpath.images.debian.tool_tree import tool_tree
from goldenpath.images.image_interpreter import ImageInterpreter
from goldenpath.images.layer_cache import BuiltLayer, LayerCache
from goldenpath.images.tree_layer import ImageLayer, push_layer
from goldenpath.images.unpacked_image import write_tree
from goldenpath.oci.descriptor import IMAGE_MANIFEST, Descriptor
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import Store, read

ARCHITECTURE = "amd64"


@dataclass(frozen=True, slots=True)
class BaseImage:
    """The layers of a base, in a cache, and what is known about them."""

    layers: Sequence[ImageLayer]
    digest: Digest
    """Of the base's manifest; of its pins if it was built from packages."""
    components: Sequence[Mapping[str, JsonValue]] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def base_of_packages(pins: BasePins, cache: LayerCache) -> BaseImage:
    """Build the base of pinned packages. Raises `VerificationError` for another package."""
    digest = Digest.of(render_pins(replace(pins, tool=())))

    def make(store: Store) -> BuiltLayer:
        packages = _packages(pins.package, cache)
        tree = base_tree(packages)
        with TemporaryDirectory(prefix="goldenpath-base-") as folder:
            root, scratch = Path(folder) / "root", Path(folder) / "compiled"
            root.mkdir()
            scratch.mkdir()
            write_tree(tree, root)
            compiled = ImageInterpreter.of(root).compiled(tree, scratch)
        layer = push_layer(store, {**tree, **compiled}, "base")
        components = [
            _component(pin, packages[pin.name], pins.distribution) for pin in pins.package
        ]
        return BuiltLayer(layer, components, {})

    built = cache.layer({"layer": "base", "pins": digest.text}, make)
    variables = {"SSL_CERT_FILE": f"/{AUTHORITIES}"}
    return BaseImage((built.layer,), digest, built.components, variables)


def with_tools(base: BaseImage, pins: BasePins, cache: LayerCache) -> BaseImage:
    """Return the base with a layer of the pinned tools over it."""
    if not pins.tool:
        raise InvalidInput(
            "the file of pins has no tools: expected git and an SSH client as [[tool]]",
            hint="copy the tools from the pins of this goldenpath",
        )
    digest = Digest.of(render_pins(pins))

    def make(store: Store) -> BuiltLayer:
        packages = _packages(pins.tool, cache)
        layer = push_layer(store, tool_tree(packages), "tools")
        components = [_component(pin, packages[pin.name], pins.distribution) for pin in pins.tool]
        return BuiltLayer(layer, components, {})

    built = cache.layer({"layer": "tools", "pins": digest.text}, make)
    return BaseImage(
        (*base.layers, built.layer),
        digest,
        (*base.components, *built.components),
        base.variables,
    )


def base_of_image(store: Store, image: Descriptor, cache: LayerCache) -> BaseImage:
    """Take somebody's image as the base. What is in it, its own bill of materials says."""
    if image.media_type != IMAGE_MANIFEST:
        raise InvalidInput(
            f"{image.digest} is an index: expected the image of one processor",
            hint="name the digest of the image for linux/amd64",
        )
    manifest = Manifest.parse(read(store, image, MAX_MANIFEST))
    config = parse_object(read(store, manifest.config, MAX_MANIFEST), "image config")
    rootfs, settings = config.get("rootfs"), config.get("config")
    listed = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if config.get("architecture") != ARCHITECTURE or not isinstance(listed, list):
        raise InvalidInput(f"{image.digest} is not an image for linux/{ARCHITECTURE}")
    if len(listed) != len(manifest.layers):
        raise VerificationError(f"the configuration of {image.digest} lists other layers")
    for layer in manifest.layers:
        cache.store.push(layer, store.fetch(layer))
    layers = [
        ImageLayer(layer, Digest(str(diff_id)), "base")
        for layer, diff_id in zip(manifest.layers, listed, strict=True)
    ]
    component: dict[str, JsonValue] = {
        "type": "container",
        "bom-ref": f"base@{image.digest}",
        "name": "base image",
        "version": image.digest.text,
        "hashes": [{"alg": "SHA-256", "content": image.digest.hex}],
    }
    named = settings.get("Env") if isinstance(settings, dict) else None
    pairs = [str(each).partition("=") for each in named] if isinstance(named, list) else []
    variables = {name: value for name, _, value in pairs if name}
    return BaseImage(layers, image.digest, [component], variables)


def _packages(pins: Sequence[DebianPin], cache: LayerCache) -> dict[str, DebianPackage]:
    return {pin.name: _package(pin, cache.packages) for pin in pins}


def _package(pin: DebianPin, cache: Path) -> DebianPackage:
    package = read_package(pinned_package(pin, cache), pin.name)
    got = (package.field("Package"), package.field("Version"), package.field("Architecture"))
    expected = (pin.name, pin.version, pin.architecture)
    if got != expected:
        raise VerificationError(
            f"the pin of {pin.name} is for another package: expected {' '.join(expected)}, "
            f"got {' '.join(got)}"
        )
    return package


def _component(
    pin: DebianPin, package: DebianPackage, distribution: str
) -> Mapping[str, JsonValue]:
    vendor = distribution.partition("-")[0]
    purl = (
        f"pkg:deb/{vendor}/{quote(pin.name, safe='')}@{quote(pin.version, safe='')}"
        f"?arch={pin.architecture}&distro={distribution}"
    )
    source = package.field("Source").partition(" ")[0] or pin.name
    return {
        "type": "library",
        "bom-ref": purl,
        "name": pin.name,
        "version": pin.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": pin.sha256}],
        "properties": [{"name": "goldenpath:source-package", "value": source}],
    }
