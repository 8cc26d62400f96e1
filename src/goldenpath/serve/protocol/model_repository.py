"""What clients of Triton ask beside the protocol: the index of models, and a model's configuration.

Names and fields are those of Triton's extensions `model_repository` and `model_configuration`. What
is not offered is refused in words: a client then says why, and not only that a path is unknown.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract
from goldenpath.serve.protocol.release_identity import ReleaseIdentity, describe, inputs_of
from goldenpath.serve.protocol.tensors import MOST_ROWS

INDEX = "/v2/repository/index"
"""Target of the index, by POST."""
FLOAT_TYPE = 11
"""Number of `TYPE_FP32` in Triton's list of data types, for gRPC."""
TYPE_NUMBERS = {"TYPE_FP32": FLOAT_TYPE, "TYPE_STRING": 13}
NO_STATISTICS = (
    "statistics are not offered here: the page /metrics of the observer counts requests, rows and "
    "latencies by model, release and stage"
)
_ABSENT = {
    "/v2/repository/": "models are not loaded or unloaded by callers: a commit in git says what "
    "is served",
    "/v2/systemsharedmemory": "shared memory is not offered: send tensors in the request",
    "/v2/cudasharedmemory": "shared memory is not offered: send tensors in the request",
    "/v2/trace/setting": "trace settings are not changed by callers",
    "/v2/logging": "log settings are not changed by callers",
}


class _IndexRequest(msgspec.Struct):
    ready: bool = False
    """Whether only models that can answer are listed."""


State = Literal["READY", "UNAVAILABLE"]


class IndexedModel(msgspec.Struct, frozen=True):
    """One model of the index."""

    name: str
    version: str
    state: State
    reason: str = ""


def wants_ready_only(body: bytes) -> bool:
    """Return whether a request for the index leaves out what cannot answer.

    An empty body lists everything. Raises `InvalidInput` for another body.
    """
    if not body.strip():
        return False
    try:
        return msgspec.json.decode(body, type=_IndexRequest).ready
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the body is no request for the index: {error}") from error


def index(identity: ReleaseIdentity, *, is_ready: bool, ready_only: bool) -> list[IndexedModel]:
    """Return the one model that this server has."""
    if ready_only and not is_ready:
        return []
    state: State = "READY" if is_ready else "UNAVAILABLE"
    reason = "" if is_ready else "the server is starting or draining, or its model is lost"
    return [IndexedModel(identity.model, identity.digest, state, reason)]


def configuration(identity: ReleaseIdentity, contract: Contract) -> Mapping[str, object]:
    """Return the fields of Triton's `ModelConfig` that this server has; shapes are without rows."""
    described = describe(identity, contract)
    outputs = [{"name": contract.output_tensor, **_dimensions(len(contract.classes))}]
    if contract.reasons is not None:
        weights = _dimensions(len(contract.reasons.codes))
        outputs.append({"name": contract.reasons.tensor, **weights})
    return {
        "name": identity.model,
        "platform": described["platform"],
        "backend": "python" if contract.python else "onnxruntime",
        "max_batch_size": MOST_ROWS,
        "input": [
            {"name": name, **_dimensions(width), **_type(kind)}
            for name, kind, width in inputs_of(contract)
        ],
        "output": outputs,
    }


def _dimensions(width: int) -> dict[str, object]:
    """Return type and shape of one row; a row of one number has no dimension of its own."""
    if width:
        return {"data_type": "TYPE_FP32", "dims": [width]}
    return {"data_type": "TYPE_FP32", "dims": [1], "reshape": {"shape": []}}


def _type(datatype: str) -> dict[str, object]:
    return {"data_type": "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"}


def as_message(configured: Mapping[str, object]) -> Mapping[str, object]:
    """Return a configuration with numbers for data types, as its message has them."""

    def numbered(value: object) -> object:
        if isinstance(value, Mapping):
            return {
                key: TYPE_NUMBERS[str(each)] if key == "data_type" else numbered(each)
                for key, each in value.items()
            }
        return [numbered(each) for each in value] if isinstance(value, list) else value

    return {key: numbered(value) for key, value in configured.items()}


def why_absent(target: str) -> str:
    """Return why a target of Triton's other extensions is not here; empty for other targets."""
    if (
        target.startswith("/v2/models/") and target.endswith("/stats")
    ) or target == "/v2/models/stats":
        return NO_STATISTICS
    return next((why for start, why in _ABSENT.items() if target.startswith(start)), "")
