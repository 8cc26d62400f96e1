"""The program of an attacker: runs each attack in a process of its own, and keeps it alive.

It runs confined, with `python -I -S` and the standard library only. For each attack it prints its
number, its process, what it got hold of and its error. The processes stay until standard input
ends, so that the effect of each attack can be seen from outside.
"""

import ctypes
import json
import os
import struct
import sys

_LIBRARY = ctypes.CDLL(None, use_errno=True)


def native(name: str, *arguments: object) -> int:
    """Call the C library. Raises `OSError`."""
    result: int = getattr(_LIBRARY, name)(*arguments)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def main() -> None:
    """Run the attacks of the request."""
    request = json.loads(sys.argv[1])
    for number, code in enumerate(request["attacks"]):
        reading, writing = os.pipe()
        if os.fork() == 0:
            _attack(number, code, {**request["names"], "made": writing})
        # One after the other: an attack can end what the next one aims at.
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
    os.write(1, json.dumps({"number": -1}).encode() + b"\n")
    while os.read(0, 1):
        pass


def _attack(number: int, code: str, names: "dict[str, object]") -> None:
    gained: list[str] = []
    values = {**names, "native": native, "gained": gained, "ctypes": ctypes, "os": os}
    values["struct"] = struct
    error = ""
    try:
        exec(code, values)  # noqa: S102 - this is what the program is for
    except BaseException as problem:
        error = f"{type(problem).__name__}: {problem}"
    report = {"number": number, "process": os.getpid(), "gained": gained, "error": error}
    os.write(1, json.dumps(report).encode() + b"\n")
    os.write(int(str(names["made"])), b".")
    while os.read(0, 1):
        pass
    os._exit(0)


main()
