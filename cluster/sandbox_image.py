"""The image that holds the network of each pod open: one static program that sleeps."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

NAME = "docker.io/goldenpath/sandbox:walk"
"""Image names need their full form for the kubelet."""


def write_sandbox_image(busybox: Path, target: Path) -> Path:
    """An OCI layout in a tar, by the image specification; equal bytes each time."""
    layer = _tar({"bin/busybox": (busybox.read_bytes(), 0o755)})
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described("application/vnd.oci.image.config.v1+json", config),
            "layers": [_described("application/vnd.oci.image.layer.v1.tar", layer)],
        }
    )
    named = _described("application/vnd.oci.image.manifest.v1+json", manifest)
    named["annotations"] = {"io.containerd.image.name": NAME}
    files = {"oci-layout": _json({"imageLayoutVersion": "1.0.0"})}
    files["index.json"] = _json({"schemaVersion": 2, "manifests": [named]})
    for blob in (layer, config, manifest):
        files[f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}"] = blob
    target.write_bytes(_tar({name: (content, 0o644) for name, content in files.items()}))
    return target


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _described(media_type: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
