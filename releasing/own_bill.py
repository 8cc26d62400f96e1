"""The bill of materials of goldenpath itself, by the code that writes those of models."""

from collections.abc import Mapping, Sequence
from email.parser import Parser
from uuid import NAMESPACE_URL, uuid5

from goldenpath.canonical import JsonValue
from goldenpath.release.attest.statement import render_time
from goldenpath.release.evidence.sbom import SPEC_VERSION, python_component
from goldenpath.train.environment.bundled import bundled_in
from goldenpath.train.environment.locked_environment import licence_of
from goldenpath.train.training_run import Package
from goldenpath.version import __version__
from releasing.runtime_lock import Pin, installed_distribution
from releasing.wheel_build import BuiltWheel, SourceCommit


def own_bill(
    wheel: BuiltWheel, commit: SourceCommit, pins: Sequence[Pin], direct: Sequence[str]
) -> Mapping[str, JsonValue]:
    """The document; the same wheel and lock give the same bytes on the same platform."""
    own = f"pkg:pypi/goldenpath@{wheel.version}"
    components = {pin.name: python_component(_package(pin)) for pin in pins}
    references = {name: component["bom-ref"] for name, component in components.items()}
    dependencies: list[JsonValue] = [
        {"ref": own, "dependsOn": [references[name] for name in direct]},
        *({"ref": references[p.name], "dependsOn": [references[n] for n in p.needs]} for p in pins),
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, wheel.digest.text)}",
        "version": 1,
        "metadata": {
            "timestamp": render_time(commit.time),
            "lifecycles": [{"phase": "build"}],
            "tools": {
                "components": [
                    {"type": "application", "name": "goldenpath", "version": __version__}
                ]
            },
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "goldenpath",
                "version": wheel.version,
                "purl": own,
                "hashes": [{"alg": "SHA-256", "content": wheel.digest.hex}],
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": list(components.values()),
        "dependencies": dependencies,
    }


def _package(pin: Pin) -> Package:
    installed = installed_distribution(pin.name)
    metadata = Parser().parsestr(installed.read_text("METADATA") or "", headersonly=True)
    return Package(pin.name, pin.version, pin.hashes, licence_of(metadata), bundled_in(installed))
