"""What of this machine and this process chooses how a model's numbers are computed."""

import ctypes
import platform
from collections.abc import Mapping
from pathlib import Path

_KERNELS = ("avx", "fma", "sse4", "f16c", "amx", "asimd", "sve")
_LANDLOCK_CREATE_RULESET = 444
_ONE_PROCESSOR = 16 * 1024
"""Bytes in which the first processor is described."""


def cpu() -> str:
    """The processor by its name."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """Features by which numpy, BLAS and ONNX Runtime choose their kernels."""
    listed = (_cpu_line("flags") or _cpu_line("Features")).split()
    return tuple(sorted(name for name in listed if name.startswith(_KERNELS)))


def can_confine() -> bool:
    """Whether the kernel can keep a process from writing outside of given folders (Landlock)."""
    library = ctypes.CDLL(None, use_errno=True)
    asked = library.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return platform.system() == "Linux" and asked >= 1


def frame() -> Mapping[str, str]:
    """Version of each package by which this process runs a graph."""
    import numpy as np
    import onnxruntime

    return {"numpy": np.__version__, "onnxruntime": str(onnxruntime.__version__)}


def _cpu_line(name: str) -> str:
    """The first line of that name in what Linux tells of its processors; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        with path.open("rb") as file:
            text = file.read(_ONE_PROCESSOR).decode("utf-8", "replace")
        for line in text.splitlines():
            if line.startswith(name):
                return line.split(":", 1)[1].strip()
    return ""
