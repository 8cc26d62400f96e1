"""Opens ONNX graphs as training, smoke run and model server all do, from verified bytes.

A graph of another form than a server can use is refused with the way to export it again. People
export such graphs every day, so each refusal names its own cure.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract

if TYPE_CHECKING:
    import onnxruntime

FATAL_ONLY = 4
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_NOWHERE = "/dev/null"
"""Weights in other files are looked for here. Nobody verified those files."""
_FLOATS = frozenset({"tensor(float)", "tensor(double)", "tensor(float16)"})
_SOURCE_PLACE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:\S+:\d+ .*?\)(?: const)? (?=[A-Z]))?"
)
"""What ONNX Runtime says of its own source before the reason."""
_CURES = (
    (
        re.compile(r"external data", re.IGNORECASE),
        "write it as one file, without external data: "
        "onnx.save(onnx.load(FILE), OTHER, save_as_external_data=False)",
    ),
    (
        re.compile(r"\bopset\b", re.IGNORECASE),
        "export it with an older opset: target_opset= of skl2onnx, opset_version= of torch.onnx",
    ),
    (
        re.compile(r"\bIR version\b"),
        "export it with an older IR version: model.ir_version = 10 before it is written",
    ),
    (
        re.compile(r"not a registered (function|op)|custom op|No Op registered", re.IGNORECASE),
        "export it with standard operators only: custom operators are not loaded",
    ),
)


def open_session(content: bytes, name: str, threads: int = 1) -> "onnxruntime.InferenceSession":
    """Load a graph from memory; a call uses `threads` threads.

    Raises `InvalidInput` if ONNX Runtime cannot run it, or if it needs another file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = FATAL_ONLY
    options.add_session_config_entry(_EXTERNAL_FOLDER, _NOWHERE)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the errors of ONNX Runtime have no common base class
        text = str(error)
        cure = next((cure for pattern, cure in _CURES if pattern.search(text)), None)
        reason = _SOURCE_PLACE.sub("", text)[:500]
        raise InvalidInput(
            f"{name} is not an ONNX graph that runs here: {reason}", hint=cure
        ) from error


def refuse_form(session: "onnxruntime.InferenceSession", contract: Contract, name: str) -> None:
    """Raise `InvalidInput` if the inputs or outputs of a graph do not fit the contract."""
    _refuse_inputs(session, contract, name)
    tensors = [contract.output_tensor]
    if contract.reasons is not None:
        tensors.append(contract.reasons.tensor)
    outputs = {tensor.name: tensor.type for tensor in session.get_outputs()}
    for output in tensors:
        if output not in outputs:
            raise InvalidInput(
                f"{name} has the outputs {_listed(outputs)}: expected {output!r}",
                hint="name the output in goldenpath.toml ([contract] output_tensor), or rename it "
                "in the export",
            )
        if outputs[output] not in _FLOATS:
            raise InvalidInput(
                f"{name} has an output {output!r} of type {outputs[output]}: expected a tensor of "
                "floats",
                hint=_cure_of_output(outputs[output]),
            )


def _refuse_inputs(session: "onnxruntime.InferenceSession", contract: Contract, name: str) -> None:
    inputs = {tensor.name: tensor for tensor in session.get_inputs()}
    width, expected = len(contract.features), contract.input_tensor
    if set(inputs) != {expected}:
        cure = f"export one input {expected!r} with {width} columns, in the order of the contract"
        if len(inputs) == 1:
            cure = (
                "name the input in goldenpath.toml ([contract] input_tensor), or rename it in the "
                "export"
            )
        raise InvalidInput(
            f"{name} has other inputs: expected only {expected!r}, got {_listed(inputs)}", hint=cure
        )
    tensor = inputs[expected]
    if tensor.type != "tensor(float)" or len(tensor.shape) != 2 or tensor.shape[1] != width:
        raise InvalidInput(
            f"{name} has other inputs: {expected!r} is a {tensor.type} of shape {tensor.shape}, "
            f"expected tensor(float) of shape (n, {width})",
            hint=f"export it for 32-bit floats with {width} columns, in the order of the contract",
        )
    if isinstance(tensor.shape[0], int):
        raise InvalidInput(
            f"{name} takes batches of exactly {tensor.shape[0]} rows: expected any number",
            hint="export it with a variable first dimension: [None, n] in skl2onnx, dynamic_axes "
            "or dynamic_shapes in torch.onnx",
        )


def _cure_of_output(kind: str) -> str:
    if "map(" in kind:
        return "export it without ZipMap: options={id(model): {'zipmap': False}} of skl2onnx"
    return "export scores as floats; labels can be another output"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
