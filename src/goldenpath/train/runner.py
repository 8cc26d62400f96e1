"""Runs the project's training or tests; the only file of ours that its interpreter ever sees.

Standard library only, run as a script by the Python of the project's environment. The request
comes as one line of JSON on standard input, and the process lives as long as that input: if the
build dies, what it started does not stay behind.
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
    """Does what the request asks for: a module as a program, or a training."""
    request = json.loads(sys.stdin.readline())
    # A descriptor of its own, since pytest puts another file into the place of standard input.
    threading.Thread(target=_end_with_the_build, args=(os.dup(0),), daemon=True).start()
    give_up(request)
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
    """What multiplied matrices, and with which kernels; empty where the training loaded none."""
    threads, numpy = sys.modules.get("threadpoolctl"), sys.modules.get("numpy")
    if threads is not None:
        found = [each for each in threads.threadpool_info() if each["user_api"] == "blas"]
        keys = ("internal_api", "version", "architecture")
        said = {" ".join(str(each[key]) for key in keys if each.get(key)) for each in found}
        return ", ".join(sorted(said))
    if numpy is not None:
        built = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        return f"{built.get('name', '')} {built.get('version', '')}".strip()
    return ""


class _Limits(TypedDict, total=False):
    writable: list[str]
    readable: list[str]
    memory: int


def give_up(limits: _Limits) -> None:
    """Takes away what the request says, for good and for all that is started from here."""
    if memory := limits.get("memory", 0):
        resource.setrlimit(resource.RLIMIT_DATA, (memory * 1024 * 1024,) * 2)
    if "writable" in limits:
        _confine(limits["writable"], limits["readable"])


def _confine(writable: "list[str]", readable: "list[str]") -> None:
    """Landlock: nothing is written, made or removed, and no file read, but below these folders."""
    library = ctypes.CDLL(None, use_errno=True)
    create, add, restrict, flags = 444, 445, 446, ctypes.c_uint32(0)
    abi = library.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    # Every right of that version but to execute (1) and to list a folder (8); 4 reads a file.
    read, bits = 4, ((1 << (13 if abi < 2 else 14 if abi < 3 else 15)) - 1) & ~0b1101
    rules = library.syscall(create, struct.pack("<Q", bits | read), ctypes.c_size_t(8), flags)
    for path, right in (*((each, bits) for each in writable), *((each, read) for each in readable)):
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue  # gone since it was listed, or closed anyway
        if library.syscall(add, rules, 1, struct.pack("<Qi", right, place), flags):
            sys.exit(f"{path} cannot be allowed to this program: Landlock refused the rule")
        os.close(place)
    library.prctl(38, 1, 0, 0, 0)  # no new privileges, without which Landlock refuses
    if library.syscall(restrict, rules, flags):
        sys.exit("the kernel did not confine this program")
    os.close(rules)


def _end_with_the_build(watched: int) -> None:
    # Not through `sys.stdin`: its lock, held at the end of the program, would be a fatal error.
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
