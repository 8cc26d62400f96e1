"""Renders the CNCF ModelPack form of a release: a second manifest over the same layers.

It follows version 0.0.7 of the model specification; its `config-schema.json` describes the config.
"""

from collections.abc import Sequence

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.oci.descriptor import Descriptor
from goldenpath.release.artifact.archive import ArchiveEntry

ARTIFACT_TYPE = "application/vnd.cncf.model.manifest.v1+json"
CONFIG = "application/vnd.cncf.model.config.v1+json"
WEIGHT = "application/vnd.cncf.model.weight.v1.tar"
CODE = "application/vnd.cncf.model.code.v1.tar"
DOCUMENT = "application/vnd.cncf.model.doc.v1.tar"
FILE_PATH = "org.cncf.model.filepath"
FILE_METADATA = "org.cncf.model.file.metadata+json"
UNTESTED = "org.cncf.model.file.mediatype.untested"


def render_config(
    description: dict[str, JsonValue], model_format: str, layers: Sequence[Descriptor]
) -> bytes:
    """Return the ModelPack config. The specification has no tabular input, so it is `other`."""
    return canonical_json(
        {
            "descriptor": description,
            "config": {
                "format": model_format,
                "capabilities": {"inputTypes": ["other"], "outputTypes": ["other"]},
            },
            "modelfs": {"type": "layers", "diffIds": [layer.digest.text for layer in layers]},
        }
    )


def weight(layer: Descriptor, entry: ArchiveEntry) -> Descriptor:
    """Return the descriptor of the layer of one model file."""
    metadata = {
        "name": entry.path,
        "mode": 0o644,
        "uid": 0,
        "gid": 0,
        "size": entry.size,
        "mtime": "1970-01-01T00:00:00Z",
        "typeflag": ord("0"),
    }
    annotations = {
        FILE_PATH: entry.path,
        FILE_METADATA: canonical_json(metadata).decode(),
        UNTESTED: "false",
    }
    return Descriptor(WEIGHT, layer.digest, layer.size, None, annotations)


def code(layer: Descriptor, path: str) -> Descriptor:
    """Return the descriptor of a layer with code, or with a wheel that the code needs."""
    annotations = {FILE_PATH: path, UNTESTED: "true"}
    return Descriptor(CODE, layer.digest, layer.size, None, annotations)


def documents(layer: Descriptor, path: str) -> Descriptor:
    """Return the descriptor of the layer with contract, profile, lock and documents."""
    annotations = {FILE_PATH: path, UNTESTED: "true"}
    return Descriptor(DOCUMENT, layer.digest, layer.size, None, annotations)
