"""Runs the project's training, lint or tests inside the project's environment.

The interpreter of that environment runs this file as a script, so it uses the standard library
only. It runs in the sandbox already: the launcher started the interpreter in it. The request is one
line of JSON on standard input. The process ends when that input closes, so nothing keeps running if
the build dies.
"""

import importlib
import json
import os
import random
import runpy
import signal
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
