"""Runs the project's training, lint or tests inside the project's environment.

The interpreter of that environment runs this file as a script, so it uses the standard library
only. The request is one line of JSON on standard input. The process ends when that input closes, so
nothing keeps running if the build dies.
"""

import ctypes
import importlib
import json
import os
import random
import resource
import runpy
import signal
import struct
import sys
import threading
from pathlib import Path
from typing import TypedDict


class _Training(TypedDict):
    source: str
    entry: str
    data: dict[str, str]
    output: str
    note: str
    parameters: dict[str, bool | int | float | str]
    seed: int


def main() -> None:
    """Run the module or the training that the request names."""
    request = json.loads(sys.stdin.readline())
    # A duplicate, because pytest replaces the file behind standard input.
    threading.Thread(target=_end_with_the_build, args=(os.dup(0),), daemon=True).start()
    restrict(request)
    if "module" in request:
        sys.path.insert(0, str(Path.cwd()))
        sys.argv[1:] = request["arguments"]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    else:
        _train(request)


def _train(request: _Training) -> None:
    sys.path.insert(0, request["source"])
    module, _, function = request["entry"].partition(":")
    random.seed(request["seed"])
    data = {name: Path(path) for name, path in request["data"].items()}
    train = getattr(importlib.import_module(module), function)
    train(data, Path(request["output"]), request["parameters"], request["seed"])
    note = {"peak_memory": _peak_memory(), "blas": _blas()}
    Path(request["note"]).write_text(json.dumps(note), "utf-8")


def _blas() -> str:
    """Return name, version and kernels of the loaded BLAS libraries; empty if none is loaded."""
    threads, numpy = sys.modules.get("threadpoolctl"), sys.modules.get("numpy")
    if threads is not None:
        pools = [pool for pool in threads.threadpool_info() if pool["user_api"] == "blas"]
        keys = ("internal_api", "version", "architecture")
        names = {" ".join(str(pool[key]) for key in keys if pool.get(key)) for pool in pools}
        return ", ".join(sorted(names))
    if numpy is not None:
        blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{blas.get('name', '')} {blas.get('version', '')}".strip()
    return ""


class _Limits(TypedDict, total=False):
    writable: list[str]
    readable: list[str]
    memory: int


def restrict(limits: _Limits) -> None:
    """Restrict this process and all its children, irrevocably, to the limits of the request."""
    if memory := limits.get("memory", 0):
        resource.setrlimit(resource.RLIMIT_DATA, (memory * 1024 * 1024,) * 2)
    if "writable" in limits:
        _confine(limits["writable"], limits["readable"])


def _confine(writable: "list[str]", readable: "list[str]") -> None:
    """Allow writing and reading only below these folders, with Landlock (kernel documentation)."""
    library = ctypes.CDLL(None, use_errno=True)
    create, add, restrict, flags = 444, 445, 446, ctypes.c_uint32(0)
    abi = library.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    # All rights of that version, except to execute (1) and to list a folder (8). 4 reads a file.
    read, bits = 4, ((1 << (13 if abi < 2 else 14 if abi < 3 else 15)) - 1) & ~0b1101
    rules = library.syscall(create, struct.pack("<Q", bits | read), ctypes.c_size_t(8), flags)
    for path, right in (*((path, bits) for path in writable), *((path, read) for path in readable)):
        try:
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue  # deleted since it was listed, or not accessible anyway
        if library.syscall(add, rules, 1, struct.pack("<Qi", right, folder), flags):
            sys.exit(f"the sandbox cannot allow {path}: Landlock refused the rule")
        os.close(folder)
    library.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, which Landlock requires
    if library.syscall(restrict, rules, flags):
        sys.exit("the sandbox cannot be entered: Landlock refused")
    os.close(rules)


def _end_with_the_build(watched: int) -> None:
    # Not `sys.stdin`: a thread that holds its lock at the interpreter's exit is a fatal error.
    while os.read(watched, 4096):
        continue
    os.killpg(0, signal.SIGKILL)


def _peak_memory() -> int:
    # The usage that the kernel reports to the parent also counts the parent's size at the fork.
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


if __name__ == "__main__":
    main()
