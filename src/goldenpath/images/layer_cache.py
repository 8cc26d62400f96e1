"""Layers that were built before, by everything that they were made of.

A layer is large and changes seldom. What it depends on is in its key, with the code that made it,
so a kept layer is the one that would be built again. It is safe to delete the folder.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.files import publish
from goldenpath.images.tree_layer import GZIP_LAYER, ImageLayer
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.parsers.typed import read_record


@dataclass(frozen=True, slots=True)
class BuiltLayer:
    """A layer, and what the bill of materials says about it."""

    layer: ImageLayer
    components: Sequence[Mapping[str, JsonValue]]
    notes: Mapping[str, str]
    """Facts that later layers depend on."""


class _Kept(msgspec.Struct, frozen=True):
    """A layer as its record in the cache."""

    size: int
    digest: str
    diff_id: str
    title: str
    components: list[str]
    """Each as JSON."""
    notes: dict[str, str]


class LayerCache:
    """The folder of layers that were built on this machine."""

    def __init__(self, root: Path) -> None:
        self._records = root / "layers"
        self.store = LayoutStore(root / "store")
        self.packages = root / "packages"
        """Debian packages by digest."""
        self.reused = 0
        """Number of layers that did not have to be built."""

    def layer(self, inputs: Mapping[str, str], make: Callable[[Store], BuiltLayer]) -> BuiltLayer:
        """Return the layer of these inputs; `make` builds it in a store if it is not here."""
        key = Digest.of(
            canonical_json({**inputs, "rules": _rules(), "zlib": zlib.ZLIB_RUNTIME_VERSION})
        )
        file = self._records / f"{key.hex}.json"
        kept = self._kept(file)
        if kept is not None:
            self.reused += 1
            return kept
        built = make(self.store)
        layer = built.layer
        record = _Kept(
            layer.blob.size,
            layer.blob.digest.text,
            layer.diff_id.text,
            layer.title,
            [canonical_json(dict(each)).decode() for each in built.components],
            dict(built.notes),
        )
        publish(file, msgspec.json.encode(record))
        return built

    def _kept(self, file: Path) -> BuiltLayer | None:
        try:
            record = read_record(file, _Kept)
            blob = Descriptor(GZIP_LAYER, Digest(record.digest), record.size)
            components = [parse_object(each.encode(), file.name) for each in record.components]
        except (FileNotFoundError, GoldenPathError):
            return None  # a cache: whatever cannot be read is made again
        if not self.store.exists(blob):
            return None
        layer = ImageLayer(blob, Digest(record.diff_id), record.title)
        return BuiltLayer(layer, components, record.notes)


def _rules() -> str:
    """Return the digest of the code that builds layers: another version may build others."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return Digest.of(b"".join(source.read_bytes() for source in sources)).text
