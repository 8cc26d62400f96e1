"""Opens ONNX graphs as training, smoke run and model server all do, from verified bytes.

A graph that does not run here is refused with the way to export it again. People export such graphs
every day, so each refusal names its own cure.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from goldenpath.errors import InvalidInput

if TYPE_CHECKING:
    import onnxruntime

FATAL_ONLY = 4
_EXTERNAL_FOLDER = "session.model_external_initializers_file_folder_path"
_NOWHERE = "/dev/null"
"""Weights in files that were not given are looked for here. Nobody verified those files."""
_SOURCE_PLACE = re.compile(
    r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : (?:\S+:\d+ .*?\)(?: const)? (?=[A-Z]))?"
)
"""What ONNX Runtime says of its own source before the reason."""
_CURES = (
    (
        re.compile(r"external data", re.IGNORECASE),
        "name every file of the model in training.outputs of goldenpath.toml, or write it as one "
        "file, without external data: "
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


def open_session(
    content: bytes, name: str, threads: int = 1, *, files: Mapping[str, bytes] | None = None
) -> "onnxruntime.InferenceSession":
    """Load a graph from memory; a call uses `threads` threads. `files` are those beside it.

    Raises `InvalidInput` if ONNX Runtime cannot run it, or if it needs another file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = FATAL_ONLY
    options.add_session_config_entry(_EXTERNAL_FOLDER, _NOWHERE)
    if files:
        names = sorted(files)
        contents = [files[each] for each in names]
        options.add_external_initializers_from_files_in_memory(
            names, contents, [*map(len, contents)]
        )
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the errors of ONNX Runtime have no common base class
        text = str(error)
        cure = next((cure for pattern, cure in _CURES if pattern.search(text)), None)
        reason = _SOURCE_PLACE.sub("", text)[:500]
        raise InvalidInput(
            f"{name} is not an ONNX graph that runs here: {reason}", hint=cure
        ) from error
