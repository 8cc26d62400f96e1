"""Image manifests and indexes (OCI image specification, manifest.md and image-index.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.errors import InvalidInput
from goldenpath.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes of a manifest that every registry must accept (distribution specification)."""

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image manifest: a config, layers, and the subject if it refers to another manifest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)

    def render(self) -> bytes:
        """Return the canonical bytes; their digest names the manifest."""
        value: dict[str, JsonValue] = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.subject is not None:
            value["subject"] = self.subject.to_json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical_json(value)

    @property
    def kind(self) -> str:
        """The type under which a list of referrers shows it: artifact type, else config type."""
        return self.artifact_type or self.config.media_type

    @classmethod
    def parse(cls, content: bytes) -> "Manifest":
        """Parse a manifest of any origin. Raises `InvalidInput` if a member is wrong."""
        value = _document(content, "manifest", IMAGE_MANIFEST)
        layers = value.get("layers")
        if not isinstance(layers, list):
            raise InvalidInput("manifest needs a list of layers")
        return cls(
            config=Descriptor.from_json(value.get("config"), "config of the manifest"),
            layers=tuple(
                Descriptor.from_json(layer, f"layer {number} of the manifest")
                for number, layer in enumerate(layers)
            ),
            subject=_subject(value),
            artifact_type=_artifact_type(value),
            annotations=_annotations(value),
        )


@dataclass(frozen=True, slots=True)
class Index:
    """One image index: a list of manifests."""

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)
    subject: Descriptor | None = None
    artifact_type: str | None = None

    def render(self) -> bytes:
        """Return the canonical bytes; their digest names the index."""
        value: dict[str, JsonValue] = {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [manifest.to_json() for manifest in self.manifests],
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.subject is not None:
            value["subject"] = self.subject.to_json()
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return canonical_json(value)

    @classmethod
    def parse(cls, content: bytes) -> "Index":
        """Parse an index of any origin. Raises `InvalidInput` if a member is wrong."""
        value = _document(content, "index", IMAGE_INDEX)
        manifests = value.get("manifests")
        if not isinstance(manifests, list):
            raise InvalidInput("index needs a list of manifests")
        return cls(
            tuple(Descriptor.from_json(each, "manifest of the index") for each in manifests),
            _annotations(value),
            _subject(value),
            _artifact_type(value),
        )

    @property
    def kind(self) -> str:
        """The type under which a list of referrers shows it; an index has no config type."""
        return self.artifact_type or IMAGE_INDEX


def document_type(content: bytes) -> str:
    """Return the media type that a manifest names; older tools leave it out, then guess it."""
    value = parse_object(content, "manifest")
    media_type = value.get("mediaType")
    if isinstance(media_type, str):
        return media_type
    return IMAGE_INDEX if "manifests" in value else IMAGE_MANIFEST


def parse_manifest(media_type: str, content: bytes) -> Manifest | Index:
    """Parse a manifest or index, as `media_type` says. Raises `InvalidInput` for other types."""
    if media_type == IMAGE_MANIFEST:
        return Manifest.parse(content)
    if media_type == IMAGE_INDEX:
        return Index.parse(content)
    raise InvalidInput(f"{media_type!r} is not a manifest: expected an OCI image manifest or index")


def as_referrer(descriptor: Descriptor, manifest: Manifest | Index) -> Descriptor:
    """Return `descriptor` as a list of referrers shows it: with artifact type and annotations."""
    return replace(descriptor, artifact_type=manifest.kind, annotations=manifest.annotations)


def _subject(value: dict[str, JsonValue]) -> Descriptor | None:
    subject = value.get("subject")
    return None if subject is None else Descriptor.from_json(subject, "subject")


def _artifact_type(value: dict[str, JsonValue]) -> str | None:
    artifact_type = value.get("artifactType")
    if artifact_type is not None and not isinstance(artifact_type, str):
        raise InvalidInput("the document has an artifactType that is not a string")
    return artifact_type or None


def _document(content: bytes, what: str, media_type: str) -> dict[str, JsonValue]:
    if len(content) > MAX_MANIFEST:
        raise InvalidInput(f"{what} is too large: expected at most {MAX_MANIFEST} bytes")
    value = parse_object(content, what)
    if value.get("schemaVersion") != 2:
        raise InvalidInput(f"{what} has schemaVersion {value.get('schemaVersion')!r}, expected 2")
    if value.get("mediaType", media_type) != media_type:
        raise InvalidInput(f"{what} has mediaType {value['mediaType']!r}, expected {media_type}")
    return value


def _annotations(value: dict[str, JsonValue]) -> Mapping[str, str]:
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise InvalidInput("annotations are not an object")
    result = {key: text for key, text in annotations.items() if isinstance(text, str)}
    if len(result) != len(annotations):
        raise InvalidInput("annotations hold a value that is not a string")
    return MappingProxyType(result)
