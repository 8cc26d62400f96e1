"""The identity of a release, and the metadata of server and model for REST and gRPC."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import DeclaredFeature, declared_features
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.protocol.tensors import DATATYPES
from goldenpath.version import __version__

SERVER: Mapping[str, object] = {
    "name": "goldenpath",
    "version": __version__,
    "extensions": list(inference_service.EXTENSIONS),
}

ReleaseMark = Literal["verified", "observed", "declared"]
"""How well it is known that the bytes are those of the digest.

`verified`: trusted keys signed it. `observed`: the bytes have this digest, and nobody was asked to
sign. `declared`: only the caller says so.
"""


@dataclass(frozen=True, slots=True)
class ReleaseIdentity:
    """The identity of the release that answers."""

    stage: str
    model: str
    slot: str
    digest: str
    replica: str
    mark: ReleaseMark = "verified"


def outputs_of(contract: Contract) -> tuple[str, ...]:
    """Return the model's output tensors: scores, and weights of reasons if it has any."""
    reasons = contract.reasons
    return (contract.output_tensor, *([reasons.tensor] if reasons is not None else []))


def describe(identity: ReleaseIdentity, contract: Contract) -> Mapping[str, object]:
    """Return the model's inputs and outputs in the protocol's fields."""
    classes = contract.classes
    outputs = [_tensor(contract.output_tensor, *([len(classes)] if classes else []))]
    if contract.reasons is not None:
        outputs.append(_tensor(contract.reasons.tensor, len(contract.reasons.codes)))
    return {
        "name": identity.model,
        "versions": [identity.digest],
        # The specification names platforms <project>_<format>; it has no name for code.
        "platform": "goldenpath_python" if contract.python else "onnx_onnxv1",
        "inputs": [
            _tensor(name, width, datatype=kind) for name, kind, width in inputs_of(contract)
        ],
        "outputs": outputs,
    }


def inputs_of(contract: Contract) -> tuple[tuple[str, str, int], ...]:
    """Return name, datatype and width of each input that a client is told to send.

    It is one tensor of all features. With a text it is one for each feature, because no client
    writes a text as numbers.
    """
    declared = declared_features(contract)
    if not any(each.part == "text" for each in declared):
        return ((contract.input_tensor, "FP32", len(contract.features)),)
    return tuple((each.name, *_sent_as(each, contract)) for each in declared)


def _sent_as(declared: DeclaredFeature, contract: Contract) -> tuple[str, int]:
    if declared.part in ("days", "text") or contract.features[declared.start].texts:
        return "BYTES", 1
    return "FP32", declared.width


def _tensor(name: str, *width: int, datatype: str = "FP32") -> Mapping[str, object]:
    return {"name": name, "datatype": datatype, "shape": [-1, *width]}


def describe_further(identity: ReleaseIdentity, contract: Contract) -> Mapping[str, object]:
    """Return the release, the other accepted inputs, and the meaning of codes and weights."""
    features, reasons = contract.features, contract.reasons
    labels = {
        each.name: dict(zip(each.labels or each.texts, each.codes, strict=True))
        for each in features
        if each.labels or each.texts
    }
    declared = declared_features(contract)
    takes_texts = any(each.part in ("days", "text") for each in declared)
    further: dict[str, object] = {
        "release": {"digest": identity.digest, "mark": identity.mark},
        "columns": list(
            dict.fromkeys(each.part_of if each.part == "text" else each.name for each in features)
        ),
        "datatypes": DATATYPES if labels or takes_texts else DATATYPES[:-1],
    }
    if labels:
        further["labels"] = labels
    texts = {each.part_of: each.bytes for each in features if each.part == "text"}
    if texts:
        further["texts"] = {name: {"most_bytes": limit} for name, limit in texts.items()}
    further |= _task(contract)
    if reasons is not None:
        further["reasons"] = [each.code for each in reasons.codes]
    return further


def _task(contract: Contract) -> Mapping[str, object]:
    """Return what the numbers of the first output mean; nothing for a probability."""
    if contract.task == "classes":
        return {"task": contract.task, "classes": list(contract.classes)}
    if contract.value is None:
        return {}
    value = contract.value
    bounds = {"unit": value.unit, "minimum": value.minimum, "maximum": value.maximum}
    return {"task": contract.task, **bounds}
