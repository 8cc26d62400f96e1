"""Descriptors: a digest with its size and media type (OCI image specification, descriptor.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES = frozenset({IMAGE_MANIFEST, IMAGE_INDEX})
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar"
EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_CONTENT = b"{}"

_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at content; `size` is in bytes and is checked as strictly as the digest."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)

    @classmethod
    def of(cls, media_type: str, content: bytes) -> "Descriptor":
        """Return the descriptor of `content`."""
        return cls(media_type, Digest.of(content), len(content))

    def to_json(self) -> dict[str, JsonValue]:
        """Return the JSON form; absent members are left out."""
        value: dict[str, JsonValue] = {
            "mediaType": self.media_type,
            "digest": self.digest.text,
            "size": self.size,
        }
        if self.artifact_type is not None:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value

    @classmethod
    def from_json(cls, value: JsonValue, what: str = "descriptor") -> "Descriptor":
        """Parse the JSON form. Raises `InvalidInput`, naming `what`, if a member is wrong."""
        if not isinstance(value, dict):
            raise InvalidInput(f"{what} is not an object")
        media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
        artifact_type, annotations = value.get("artifactType"), value.get("annotations", {})
        if not isinstance(media_type, str) or not isinstance(digest, str):
            raise InvalidInput(f"{what} needs the strings mediaType and digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInput(f"{what} needs a size in bytes, got {size!r}")
        if artifact_type is not None and not isinstance(artifact_type, str):
            raise InvalidInput(f"{what} has an artifactType that is not a string")
        return cls(media_type, Digest(digest), size, artifact_type, _strings(annotations, what))


def _strings(value: JsonValue, what: str) -> Mapping[str, str]:
    if value is None:
        return _NONE
    if not isinstance(value, dict):
        raise InvalidInput(f"{what} has annotations that are not an object")
    result: dict[str, str] = {}
    for key, text in value.items():
        if not isinstance(text, str):
            raise InvalidInput(f"{what} has the annotation {key!r} that is not a string")
        result[key] = text
    return MappingProxyType(result) if result else _NONE
