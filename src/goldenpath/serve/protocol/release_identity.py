"""The identity of a release, and the metadata of server and model for REST and gRPC."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.project.spec import Contract
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
        "inputs": [_tensor(contract.input_tensor, len(contract.features))],
        "outputs": outputs,
    }


def _tensor(name: str, *width: int) -> Mapping[str, object]:
    return {"name": name, "datatype": "FP32", "shape": [-1, *width]}


def describe_further(identity: ReleaseIdentity, contract: Contract) -> Mapping[str, object]:
    """Return the release, the other accepted inputs, and the meaning of codes and weights."""
    features, reasons = contract.features, contract.reasons
    labels = {
        each.name: dict(zip(each.labels or each.texts, each.codes, strict=True))
        for each in features
        if each.labels or each.texts
    }
    further: dict[str, object] = {
        "release": {"digest": identity.digest, "mark": identity.mark},
        "columns": [each.name for each in features],
        "datatypes": DATATYPES if labels else DATATYPES[:-1],
    }
    if labels:
        further["labels"] = labels
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
