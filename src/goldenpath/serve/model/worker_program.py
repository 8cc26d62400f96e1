"""Runs a code model; the only file of goldenpath that its interpreter loads.

Standard library only, run as a script by the Python of the model's own environment, which the
launcher has started in a sandbox and without `site`. It talks to the server (the frame) over one
end of a pair of Unix sockets, whose number is its argument. The frame checks every message.

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

import importlib
import json
import os
import platform
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
    scores: int
    """How many of them are scores: more than one for classes."""
    packages: list[str]
    """Folders of the packages that the code imports."""
    isolation: list[str]
    """The measures that confine this process, which it repeats when it is ready."""


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
    # Ctrl-C and similar signals are for the frame, which decides what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Without `site`, no file of a package runs before it is imported.
    sys.path[:0] = [hello["code"]]
    sys.path += hello["packages"]
    module, _, function = hello["entry"].partition(":")
    score = getattr(importlib.import_module(module), function)(Path(hello["files"]))
    report = {"python": platform.python_version(), "isolation": hello["isolation"]}
    channel.send(render(READY, number, 0, 0, body=json.dumps(report).encode()))
    _serve(channel, score, hello)


def _serve(channel: "Channel", score: "Score", hello: Hello) -> None:
    import numpy  # that of the environment

    columns, outputs, width_of_scores = hello["columns"], hello["outputs"], hello["scores"]
    while True:
        kind, number, rows, width, body = channel.receive()
        if kind != ASK or width != columns or len(body) != 4 * rows * width:
            raise Lost(f"expected a question, got {kind}")
        # A copy, because some libraries refuse read-only arrays.
        inputs = numpy.array(numpy.frombuffer(body, "<f4").reshape(rows, width))
        try:
            answer = _table(score(inputs), rows, outputs, width_of_scores)
        except Exception as error:
            text = f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "replace")
            channel.send(render(FAILED, number, 0, 0, body=text))
            continue
        channel.send(render(ANSWER, number, rows, outputs, body=answer))


def _table(result: object, rows: int, outputs: int, width: int) -> bytes:
    """Return scores and weights of reasons as `outputs` columns, like an ONNX graph."""
    import numpy

    parts = result if isinstance(result, tuple) else (result,)
    scores, *weights = (numpy.asarray(part, "<f4") for part in parts)
    if scores.ndim == 2 and width == 1:
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
