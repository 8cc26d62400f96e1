"""Calls the project's training function; the only file of ours that its interpreter ever sees.

Standard library only, run as a script by the Python of the project's environment. The request
comes as one line of JSON on standard input, and the process lives as long as that input: if the
build dies, the training does not stay behind.
"""

import importlib
import json
import os
import random
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Trains as the request says, then notes the largest size this process had."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_build, daemon=True).start()
    sys.path.insert(0, request["source"])
    module, _, function = request["entry"].partition(":")
    random.seed(request["seed"])
    data = {name: Path(path) for name, path in request["data"].items()}
    train = getattr(importlib.import_module(module), function)
    train(data, Path(request["output"]), request["parameters"], request["seed"])
    Path(request["note"]).write_text(json.dumps({"peak_memory": _peak_memory()}), "utf-8")


def _end_with_the_build() -> None:
    # Not through `sys.stdin`: its lock, held at the end of the program, would be a fatal error.
    while os.read(0, 4096):
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
