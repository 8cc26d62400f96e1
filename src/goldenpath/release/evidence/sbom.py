"""The bill of materials of a release: CycloneDX 1.6, with a model card from recorded facts.

It is written as plain JSON, because the reference library drops model cards. The tests validate it
with the strict schema of that library.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.project.spec import Contract
from goldenpath.release.evidence.system_packages import SystemPackage
from goldenpath.train.training_run import BundledPart, Dataset, Metric, Package, TrainingRun
from goldenpath.version import __version__

SPEC_VERSION = "1.6"
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def sbom(
    run: TrainingRun,
    subjects: Sequence[Digest],
    *,
    version: str,
    contract: Contract | None,
    system: Sequence[SystemPackage],
    documents: Mapping[str, Digest],
) -> Mapping[str, JsonValue]:
    """Return the document. The same run and digests give the same bytes, serial number included."""
    components: list[JsonValue] = [
        *(_dataset(dataset) for dataset in run.datasets),
        *(_file(name, Digest(digest)) for name, digest in sorted(run.outputs.items())),
        *(python_component(package) for package in run.environment.packages),
        *(_debian(package) for package in system),
    ]
    used: list[JsonValue] = [
        component["bom-ref"] for component in components if isinstance(component, dict)
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, subjects[0].text)}",
        "version": 1,
        "metadata": {
            "timestamp": run.finished_at,
            "lifecycles": [{"phase": "build"}],
            "tools": {
                "components": [
                    {"type": "application", "name": "goldenpath", "version": __version__}
                ]
            },
            "component": _model(run, subjects, version, contract, documents=documents),
        },
        "components": components,
        "dependencies": [{"ref": "model", "dependsOn": used}],
        "formulation": [_formulation(run)],
    }


def _model(
    run: TrainingRun,
    subjects: Sequence[Digest],
    version: str,
    contract: Contract | None,
    *,
    documents: Mapping[str, Digest],
) -> dict[str, JsonValue]:
    is_code = contract is not None and contract.python is not None
    card: dict[str, JsonValue] = {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "regression" if contract is not None and contract.value else "classification",
            "modelArchitecture": "Python code" if is_code else "ONNX",
            "datasets": [{"ref": _dataset_reference(dataset)} for dataset in run.datasets],
            **_tensors(contract),
        },
        "quantitativeAnalysis": {"performanceMetrics": [_metric(each) for each in run.metrics]},
        "properties": _properties(run, subjects, documents),
    }
    return {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": run.model,
        "version": version,
        "purl": f"pkg:oci/{run.model}@sha256%3A{subjects[0].hex}",
        "hashes": [_hash(subjects[0])],
        "modelCard": card,
    }


def _tensors(contract: Contract | None) -> dict[str, JsonValue]:
    if contract is None:
        return {}
    return {
        "inputs": [{"format": f"FP32[-1,{len(contract.features)}]"}],
        "outputs": [{"format": "FP32[-1]"}],
    }


def _metric(metric: Metric) -> dict[str, JsonValue]:
    value: dict[str, JsonValue] = {"type": metric.name, "value": repr(metric.value)}
    if metric.slice:
        value["slice"] = metric.slice
    if metric.low is not None and metric.high is not None:
        value["confidenceInterval"] = {
            "lowerBound": repr(metric.low),
            "upperBound": repr(metric.high),
        }
    return value


def _properties(
    run: TrainingRun, subjects: Sequence[Digest], documents: Mapping[str, Digest]
) -> list[JsonValue]:
    named = {
        "goldenpath:confidence-level": "0.95",
        "goldenpath:entry": run.entry,
        "goldenpath:seed": str(run.seed),
        "goldenpath:rows-trained": str(run.rows_trained),
        "goldenpath:rows-evaluated": str(run.rows_evaluated),
        "goldenpath:system-packages": "of the machine that built; not part of the artifact",
    }
    named |= {f"goldenpath:parameter:{key}": str(value) for key, value in run.parameters.items()}
    named |= {f"goldenpath:document:{path}": each.text for path, each in documents.items()}
    named |= {
        f"goldenpath:also-packed-as:{number}": digest.text
        for number, digest in enumerate(subjects[1:], start=1)
    }
    return [{"name": name, "value": value} for name, value in sorted(named.items())]


def _dataset(dataset: Dataset) -> dict[str, JsonValue]:
    component: dict[str, JsonValue] = {
        "type": "data",
        "bom-ref": _dataset_reference(dataset),
        "name": dataset.name,
        "description": dataset.description or dataset.name,
        "hashes": [_hash(Digest(dataset.digest))],
        "data": [{"type": "dataset", "name": dataset.name, "description": dataset.source}],
        "properties": [
            {"name": "goldenpath:rows", "value": str(dataset.rows)},
            {"name": "goldenpath:size", "value": str(dataset.size)},
        ],
    }
    return component | _licences(dataset.licence)


def _dataset_reference(dataset: Dataset) -> str:
    return f"dataset:{dataset.name}"


def _file(name: str, digest: Digest) -> dict[str, JsonValue]:
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [_hash(digest)]}


def python_component(package: Package) -> dict[str, JsonValue]:
    """Return one Python package with its digests, its licence and the libraries in its wheel."""
    purl = f"pkg:pypi/{package.name}@{quote(package.version, safe='')}"
    component: dict[str, JsonValue] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    }
    # One hash is that of the installed wheel; several are those that the lock allows.
    if len(package.hashes) == 1:
        component["hashes"] = [_hash(Digest(package.hashes[0]))]
    elif package.hashes:
        component["properties"] = [
            {"name": "goldenpath:allowed-by-lock", "value": digest} for digest in package.hashes
        ]
    if package.bundled:
        # Numbered, because two wheels may each contain their own copy of a library.
        component["components"] = [
            _bundled(purl, number, each) for number, each in enumerate(package.bundled, start=1)
        ]
    return component | _licences(package.licence)


def _bundled(wheel: str, number: int, part: BundledPart) -> dict[str, JsonValue]:
    component: dict[str, JsonValue] = {
        "type": "library",
        "bom-ref": f"{wheel}#{number}",
        "name": part.name or "unnamed",
    }
    component |= {"version": part.version} if part.version else {}
    component |= {"purl": part.purl} if part.purl else {}
    if part.digest:
        component["hashes"] = [_hash(Digest(part.digest))]
    source = part.path or "the bill inside the wheel (PEP 770)"
    return component | {"properties": [{"name": "goldenpath:found-in", "value": source}]}


def _debian(package: SystemPackage) -> dict[str, JsonValue]:
    vendor = package.distribution.partition("-")[0]
    purl = (
        f"pkg:deb/{vendor}/{quote(package.name, safe='')}@{quote(package.version, safe='')}"
        f"?arch={package.architecture}&distro={package.distribution}"
    )
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "properties": [
            {"name": "goldenpath:found-on", "value": "the machine that built"},
            {"name": "goldenpath:source-package", "value": package.source},
        ],
    }


def _formulation(run: TrainingRun) -> dict[str, JsonValue]:
    return {
        "bom-ref": "formulation",
        "workflows": [
            {
                "bom-ref": "training",
                "uid": f"{run.source.commit[:12]}-{run.started_at}",
                "name": "train",
                "taskTypes": ["build"],
                "timeStart": run.started_at,
                "timeEnd": run.finished_at,
                "inputs": [
                    {"resource": {"ref": _dataset_reference(dataset)}} for dataset in run.datasets
                ],
                "outputs": [{"type": "artifact", "resource": {"ref": "model"}}],
            }
        ],
    }


def _licences(licence: str) -> dict[str, JsonValue]:
    if not licence:
        return {}
    if _EXPRESSION.fullmatch(licence):
        return {"licenses": [{"expression": licence}]}
    return {"licenses": [{"license": {"name": licence[:200]}}]}


def _hash(digest: Digest) -> dict[str, JsonValue]:
    return {"alg": "SHA-256", "content": digest.hex}
