"""Properties of this machine and process that decide how a model's numbers are computed."""

import platform
from collections.abc import Mapping
from pathlib import Path

_KERNELS = ("avx", "fma", "sse4", "f16c", "amx", "asimd", "sve")
_ONE_PROCESSOR = 16 * 1024
"""Bytes of `/proc/cpuinfo` that describe the first processor, at most."""


def cpu() -> str:
    """Return the name of the processor."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """Return the processor features by which numpy, BLAS and ONNX Runtime choose their kernels."""
    features = (_cpu_line("flags") or _cpu_line("Features")).split()
    return tuple(sorted(name for name in features if name.startswith(_KERNELS)))


def frame() -> Mapping[str, str]:
    """Return the versions of the packages with which this process runs an ONNX graph."""
    import numpy as np
    import onnxruntime

    return {"numpy": np.__version__, "onnxruntime": str(onnxruntime.__version__)}


def _cpu_line(name: str) -> str:
    """Return the first value of that name in `/proc/cpuinfo`; empty if there is none."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        with path.open("rb") as file:
            text = file.read(_ONE_PROCESSOR).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.startswith(name):
                return line.split(":", 1)[1].strip()
    return ""
