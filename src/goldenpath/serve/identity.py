"""Who answers, and what the server says of itself and of its model, over either door."""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath import __version__
from goldenpath.project.spec import Contract

SERVER: Mapping[str, object] = {
    "name": "goldenpath",
    "version": __version__,
    "extensions": ["binary_tensor_data"],
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers."""

    stage: str
    model: str
    slot: str
    digest: str
    replica: str


def describe(identity: Identity, contract: Contract) -> Mapping[str, object]:
    """What the model takes and gives."""
    shape = [-1, len(contract.features)]
    return {
        "name": identity.model,
        "versions": [identity.digest],
        "platform": "python" if contract.python else "onnxruntime_onnx",
        "inputs": [{"name": contract.input_tensor, "datatype": "FP32", "shape": shape}],
        "outputs": [{"name": contract.output_tensor, "datatype": "FP32", "shape": [-1]}],
    }
