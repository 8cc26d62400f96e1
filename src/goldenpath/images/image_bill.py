"""The bill of materials of an image: CycloneDX with base packages, Python packages and our code."""

from collections.abc import Mapping
from uuid import NAMESPACE_URL, uuid5

from goldenpath.canonical import JsonValue
from goldenpath.images.image_build import CREATED, BuiltImage, ImagePlan
from goldenpath.release.evidence.sbom import SPEC_VERSION
from goldenpath.version import __version__


def image_bill(plan: ImagePlan, built: BuiltImage) -> Mapping[str, JsonValue]:
    """Return the document; the same image gives the same bytes."""
    name = f"goldenpath-{plan.role.name}"
    digest = built.image.digest
    components: list[JsonValue] = [dict(component) for component in built.components]
    used: list[JsonValue] = [component["bom-ref"] for component in built.components]
    properties: list[JsonValue] = [{"name": "goldenpath:base", "value": plan.base.digest.text}]
    properties += [
        {"name": f"goldenpath:layer:{layer.title}", "value": layer.diff_id.text}
        for layer in built.layers
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, digest.text)}",
        "version": 1,
        "metadata": {
            "timestamp": CREATED,
            "lifecycles": [{"phase": "build"}],
            "tools": {
                "components": [
                    {"type": "application", "name": "goldenpath", "version": __version__}
                ]
            },
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": name,
                "version": __version__,
                "purl": f"pkg:oci/{name}@sha256%3A{digest.hex}",
                "hashes": [{"alg": "SHA-256", "content": digest.hex}],
                "properties": properties,
            },
        },
        "components": components,
        "dependencies": [{"ref": "image", "dependsOn": used}],
    }
