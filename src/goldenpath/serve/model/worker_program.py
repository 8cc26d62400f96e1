"""Runs a code model; the only file of goldenpath that its interpreter loads.

Standard library only, run as a script by the Python of the model's own environment. It talks to
the server (the frame) over one end of a pair of Unix sockets, whose number is its argument. It
drops its permissions before the first line of the content runs. The frame checks every message.

A message is a head of 24 bytes (`HEAD`, little-endian) and a body: magic `GPCF`, version 1, kind,
two zero bytes, number of the question, rows, columns, bytes of the body. Tensors are 32-bit floats,
row after row; text is UTF-8. Nothing is pickled and nothing is evaluated.

    kind    from     body
    hello   frame    JSON: what to load and where (`Hello`)
    ready   content  JSON: versions, and what was taken away
    ask     frame    rows x columns floats
    answer  content  rows x columns floats: the score, then one weight per reason
    failed  content  text: why the question has no answer; the content goes on
"""

import ctypes
import importlib
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Score = Callable[[NDArray[numpy.float32]], object]

MAGIC, VERSION = b"GPCF", 1
HELLO, READY, ASK, ANSWER, FAILED = 1, 2, 3, 4, 5
HEAD = struct.Struct("<4sBBHIIII")
MAX_BODY = 64 * 1024 * 1024
MAX_TEXT = 64 * 1024

_MIB = 1024 * 1024


class Hello(TypedDict):
    """The request of the frame to load the content."""

    code: str
    """Folder with the modules of the project."""
    files: str
    """Folder that is passed to `entry`."""
    entry: str
    columns: int
    """Columns of a question."""
    outputs: int
    """Columns of an answer."""
    memory: int
    """MiB beyond which an allocation fails."""
    readable: list[str]
    """Folders that may be read and executed, besides those of the system."""
    writable: str
    """The only folder that may be written."""


class Lost(Exception):
    """The other side is gone or broke the protocol."""


def render(kind: int, number: int, rows: int, columns: int, *, body: bytes) -> bytes:
    """One message."""
    return HEAD.pack(MAGIC, VERSION, kind, 0, number, rows, columns, len(body)) + body


def main() -> None:
    """Answer questions until the frame closes its end."""
    channel = Channel(int(sys.argv[1]))
    kind, number, _, _, body = channel.receive()
    if kind != HELLO:
        raise Lost(f"expected a hello, got {kind}")
    hello: Hello = json.loads(body)
    isolation = _give_up_privileges(hello)
    sys.path.insert(0, hello["code"])
    module, _, function = hello["entry"].partition(":")
    score = getattr(importlib.import_module(module), function)(Path(hello["files"]))
    said = {"python": platform.python_version(), "isolation": isolation}
    channel.send(render(READY, number, 0, 0, body=json.dumps(said).encode()))
    _serve(channel, score, hello)


def _serve(channel: "Channel", score: "Score", hello: Hello) -> None:
    import numpy  # that of the environment

    columns, outputs = hello["columns"], hello["outputs"]
    while True:
        kind, number, rows, width, body = channel.receive()
        if kind != ASK or width != columns or len(body) != 4 * rows * width:
            raise Lost(f"expected a question, got {kind}")
        # A copy, because some libraries refuse read-only arrays.
        asked = numpy.array(numpy.frombuffer(body, "<f4").reshape(rows, width))
        try:
            answer = _table(score(asked), rows, outputs)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "replace")
            channel.send(render(FAILED, number, 0, 0, body=text))
            continue
        channel.send(render(ANSWER, number, rows, outputs, body=answer))


def _table(result: object, rows: int, outputs: int) -> bytes:
    """Return scores and weights of reasons as `outputs` columns, like an ONNX graph."""
    import numpy

    parts = result if isinstance(result, tuple) else (result,)
    scores, *weights = (numpy.asarray(part, "<f4") for part in parts)
    if scores.ndim == 2:
        scores = scores[:, -1]
    table = numpy.column_stack([scores, *weights])
    if table.shape != (rows, outputs):
        raise ValueError(f"the answer has the shape {table.shape}, expected {(rows, outputs)}")
    return table.tobytes()


Message = tuple[int, int, int, int, bytes]
"""Kind, number, rows, columns, body."""


class Channel:
    """Reads messages from the frame, most of them with one system call."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._buffer = b""

    def send(self, message: bytes) -> None:
        """Send all of the data."""
        self._socket.sendall(message)

    def receive(self) -> Message:
        """Return the next message; never returns once the frame has closed its end."""
        buffer = self._filled(self._buffer, HEAD.size)
        magic, version, kind, _, number, rows, columns, length = HEAD.unpack_from(buffer)
        if magic != MAGIC or version != VERSION or length > MAX_BODY:
            raise Lost("the frame speaks another language")
        end = HEAD.size + length
        buffer = self._filled(buffer, end)
        self._buffer = buffer[end:]
        return kind, number, rows, columns, buffer[HEAD.size : end]

    def _filled(self, buffer: bytes, size: int) -> bytes:
        if len(buffer) >= size:
            return buffer
        parts, have = [buffer], len(buffer)
        while have < size:
            part = self._socket.recv(max(size - have, 65536))
            if not part:
                os._exit(0)  # nobody waits for an answer
            parts.append(part)
            have += len(part)
        return b"".join(parts)


# The sandbox.

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SYSTEM = (
    "/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm",
    "/sys/devices/system", "/sys/fs/cgroup",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
# socket, ptrace, process_vm_readv, process_vm_writev, setsid, setpgid, unshare, setns, mount,
# add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd, io_uring_setup, pidfd_open,
# pidfd_getfd
_REFUSED = {
    "x86_64": (
        0xC000003E,
        (41, 101, 310, 311, 112, 109, 272, 308, 165, 248, 249, 250, 321, 298, 323, 425, 434, 438),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 117, 270, 271, 157, 154, 97, 268, 40, 217, 218, 219, 280, 241, 282, 425, 434, 438),
    ),
}


def _give_up_privileges(hello: Hello) -> list[str]:
    """Enter the sandbox: end with the frame, limits, few files. Return the measures by name."""
    library = ctypes.CDLL(None, use_errno=True)
    done = []
    if library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0:
        done.append("ends with the frame")
    # Ctrl-C and similar signals are for the frame, which decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 64 * _MIB,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_DATA: hello["memory"] * _MIB,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))
    done.append("limits")
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        done.append("no new privileges")
    if _confine_files(library, hello):
        done.append("files")
    if _confine_calls(library):
        done.append("network and system calls")
    return done


def _confine_files(library: ctypes.CDLL, hello: Hello) -> bool:
    """Apply Landlock: only listed folders can be read or written; other processes are shielded."""
    create, add, restrict = 444, 445, 446
    abi = library.syscall(create, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if abi < 1:
        return False
    bits = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    handled = struct.pack("<QQQ", bits, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = library.syscall(create, handled, ctypes.c_size_t(size), ctypes.c_uint32(0))
    if rules < 0:
        return False
    reading, files_only = 0b1101, bits & 0b1100000000000111
    folders = dict.fromkeys((*_SYSTEM, sys.base_prefix, *hello["readable"]), reading)
    folders |= {hello["writable"]: bits & ~1, **dict.fromkeys(_DEVICES, 0b110)}
    for path, access in folders.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = access if Path(path).is_dir() else access & files_only
        rule = struct.pack("<Qi", allowed, place)
        failed = library.syscall(add, rules, 1, rule, ctypes.c_uint32(0))
        os.close(place)
        if failed:
            return False
    failed = library.syscall(restrict, rules, ctypes.c_uint32(0))
    os.close(rules)
    return not failed


def _confine_calls(library: ctypes.CDLL) -> bool:
    """Apply a seccomp filter: system calls that no model needs fail with EPERM."""
    if platform.machine() not in _REFUSED:
        return False
    architecture, numbers = _REFUSED[platform.machine()]
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050001
    steps = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, refuse), (load, 0, 0, 0)]
    # Numbers of another calling convention would bypass the list.
    steps.append((above, len(numbers) + 1, 0, 0x40000000))
    steps += [(equal, len(numbers) - place, 0, each) for place, each in enumerate(numbers)]
    steps += [(give, 0, 0, allow), (give, 0, 0, refuse)]
    filters = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(filters))
    return bool(library.prctl(_PR_SET_SECCOMP, 2, program, 0, 0) == 0)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    return 1


if __name__ == "__main__":
    # Exit at once: a long clean-up would only delay the frame's report of the end.
    os._exit(_exit_code())
