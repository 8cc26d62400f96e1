"""Container images of our own programs: what `goldenpath image` reads, builds, signs and writes."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldenpath.compose.process_context import now, uv
from goldenpath.compose.stores import locate
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.files import write_whole
from goldenpath.home import Home
from goldenpath.images.base_image import BaseImage, base_of_image, base_of_packages, with_tools
from goldenpath.images.debian.debian_download import newest_package
from goldenpath.images.debian.debian_package import read_package
from goldenpath.images.debian.debian_pins import (
    PACKAGED,
    BasePins,
    DebianPin,
    read_pins,
    render_pins,
)
from goldenpath.images.image_archive import write_archive
from goldenpath.images.image_bill import image_bill
from goldenpath.images.image_build import BuiltImage, ImagePlan, build_image, push_base
from goldenpath.images.image_role import ROLES
from goldenpath.images.layer_cache import LayerCache
from goldenpath.images.python_packages import WheelInstaller
from goldenpath.oci.store import Store
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import SBOM, Statement
from goldenpath.settings import project_environment
from goldenpath.stored_formats import BASE_PINS


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What the user chose."""

    role: str
    base: str | None
    pins: Path | None
    uv: bool
    store: str | None
    archive: Path | None
    name: str | None


@dataclass(frozen=True, slots=True)
class MadeImage:
    """An image that was built: where it is, and how large its layers are compressed."""

    digest: Digest
    store: str
    tag: str
    size: int
    layers: dict[str, int]
    reused: int
    """Layers that did not have to be built again."""
    signed: bool
    archive: str = ""


def make_image(home: Home, options: ImageOptions, signer: Signer | None) -> MadeImage:
    """Build the image of a role, attach its bill of materials, and sign both."""
    cache = LayerCache(home.images)
    plan = ImagePlan.of(ROLES[options.role], _base(home, options, cache), uv=options.uv)
    uri, store, tag = _destination(home, options, f"goldenpath-{options.role}")
    installer = WheelInstaller(uv(), project_environment(os.environ, sys.executable))
    built = build_image(plan, cache, installer, store)
    if signer is not None:
        bill = Statement((built.image.digest,), SBOM, image_bill(plan, built))
        attach(store, built.image, bill, signer, now=now())
        sign_image(store, built.image, "", signer, now=now())
    made = _Made(uri, store, tag, built, cache.reused)
    return _finished(made, options, signed=signer is not None)


def make_base(home: Home, options: ImageOptions) -> MadeImage:
    """Build the base alone, so that other images can name it by digest."""
    cache = LayerCache(home.images)
    base = _base(home, options, cache)
    uri, store, tag = _destination(home, options, "goldenpath-base")
    built = push_base(base, cache, store)
    return _finished(_Made(uri, store, tag, built, cache.reused), options, signed=False)


def move_pins(file: Path, say: Callable[[str], None]) -> BasePins:
    """Pin the newest version of each package that apt knows, and write the file."""
    before = read_pins(file)
    base, tools = (
        tuple(_moved(pin, say) for pin in listed) for listed in (before.package, before.tool)
    )
    pins = BasePins(BASE_PINS.version, before.distribution, base, tools)
    write_whole(file, render_pins(pins), 0o644)
    return pins


def _moved(pin: DebianPin, say: Callable[[str], None]) -> DebianPin:
    version, content = newest_package(pin.name, pin.architecture)
    architecture = read_package(content, pin.name).field("Architecture")
    if version != pin.version:
        say(f"{pin.name}: {pin.version} becomes {version}")
    return DebianPin(pin.name, version, architecture, Digest.of(content).hex)


def _base(home: Home, options: ImageOptions, cache: LayerCache) -> BaseImage:
    if options.base is None:
        pins = read_pins(options.pins or PACKAGED)
        base = base_of_packages(pins, cache)
        return with_tools(base, pins, cache) if ROLES[options.role].needs_tools else base
    store, name = locate(options.base, home)
    if not name.startswith("sha256:"):
        raise InvalidInput(
            f"the base {options.base} is not named by its digest: a tag can move",
            hint="write its digest behind it, as ...@sha256:...",
        )
    return base_of_image(store, store.resolve(name), cache)


def _destination(home: Home, options: ImageOptions, name: str) -> tuple[str, Store, str]:
    uri = options.store or f"layout:{home.root / 'image'}"
    store, tag = locate(uri, home)
    return uri, store, tag or name + ("-uv" if options.uv else "")


@dataclass(frozen=True, slots=True)
class _Made:
    """An image in its store, without its tag."""

    uri: str
    store: Store
    tag: str
    built: BuiltImage
    reused: int


def _finished(made: _Made, options: ImageOptions, *, signed: bool) -> MadeImage:
    """Tag the image, and write it as an archive if that was asked for."""
    built = made.built
    made.store.tag(made.tag, built.image)
    if options.archive is not None:
        name = options.name or f"goldenpath.example/{made.tag}:latest"
        write_archive(made.store, built.image, name, options.archive)
    return MadeImage(
        built.image.digest,
        made.uri,
        made.tag,
        built.size,
        {layer.title: layer.blob.size for layer in built.layers},
        made.reused,
        signed,
        str(options.archive or ""),
    )


__all__ = ["PACKAGED", "ImageOptions", "MadeImage", "make_base", "make_image", "move_pins"]
