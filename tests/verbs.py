"""Runs verbs as processes of their own, without the second in which each would import the product.

Before the first test a process is forked that has imported what the tests import. It forks once
more for each verb; that fork gets arguments, folder, environment and streams, and begins where the
console script does. No cache and no thread of a test is in it. Start-up, closed streams and kills
are tested with real processes.
"""

import atexit
import gc
import marshal
import os
import random
import selectors
import signal
import socket
import struct
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from goldenpath.cli.main import main
from goldenpath.no_telemetry import NO_TELEMETRY

_NUMBER = struct.Struct("<i")
_MOST = 1 << 20
"""Bytes of a request, most of which are environment variables."""


class _Prepared:
    """The process that waits; it ends with the one that asks it."""

    asking: socket.socket | None = None


def prepare() -> None:
    """Fork the process that waits. Call it while no test has begun and no thread runs."""
    asking, listening = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of numpy, which knows forks
        process = os.fork()
    if process == 0:
        try:
            asking.close()
            _wait(listening)
        finally:
            os._exit(1)
    listening.close()
    _Prepared.asking = asking


def run_verb(
    words: Sequence[str], *, environment: Mapping[str, str], folder: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run a verb to its end. Its standard input is empty."""
    if _Prepared.asking is None:
        raise RuntimeError("no process was prepared: tests/conftest.py does it")
    request = marshal.dumps((list(words), str(folder or Path.cwd()), dict(environment)))
    out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
    reading, writing = os.pipe()
    with Path(os.devnull).open("rb") as nothing:
        streams = [nothing.fileno(), out, err, writing]
        socket.send_fds(_Prepared.asking, [request], streams)
    os.close(writing)
    try:
        status = _status(reading)
        printed = [os.pread(each, os.fstat(each).st_size, 0) for each in (out, err)]
    finally:
        for descriptor in (out, err, reading):
            os.close(descriptor)
    return subprocess.CompletedProcess(list(words), status, *printed)


def _status(reading: int) -> int:
    """How the verb ended; it ends with a test that is interrupted."""
    process = _number(reading)
    try:
        return _number(reading)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        raise


def _number(reading: int) -> int:
    content = os.read(reading, _NUMBER.size)
    if not content:
        raise RuntimeError("the process that forks for verbs has ended")
    (number,) = _NUMBER.unpack(content)
    return int(number)


def _wait(listening: socket.socket) -> NoReturn:
    """Fork for each request, and tell how each fork ended, until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nothing of the test run stays open but the standard streams.
    os.dup2(listening.detach(), 3)
    os.closerange(4, 65536)
    listening = socket.socket(fileno=3)
    with selectors.DefaultSelector() as waiting:
        waiting.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is listening:
                    _fork_for_a_request(listening, waiting)
                else:
                    waiting.unregister(key.fileobj)
                    _tell_the_end(*key.data)
                    os.close(key.fd)


def _fork_for_a_request(listening: socket.socket, waiting: selectors.BaseSelector) -> None:
    request, streams, _, _ = socket.recv_fds(listening, _MOST, 4)
    if not request:
        os._exit(0)
    *standard, telling = streams
    process = os.fork()
    if process == 0:
        words, folder, environment = marshal.loads(request)  # noqa: S302 - from `run_verb`
        _become(words, folder, environment, standard)
    for descriptor in standard:
        os.close(descriptor)
    with suppress(BrokenPipeError):
        os.write(telling, _NUMBER.pack(process))
    waiting.register(os.pidfd_open(process), selectors.EVENT_READ, (process, telling))


def _tell_the_end(process: int, telling: int) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(BrokenPipeError):
        os.write(telling, _NUMBER.pack(status))
    os.close(telling)


def _become(
    words: Sequence[str], folder: str, environment: Mapping[str, str], streams: Sequence[int]
) -> NoReturn:
    """Be the process of a verb from its first line to its exit code."""
    status = 1
    try:
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
        os.closerange(3, 65536)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        os.environ.update(NO_TELEMETRY)  # as the first import of the product does
        _renew(words)
        main(words)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # as an interpreter ends
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        os._exit(status & 255)


def _renew(words: Sequence[str]) -> None:
    """Give the interpreter what each start gives it anew."""
    atexit._clear()
    sys.argv[:] = ["goldenpath", *words]
    sys.stdin = os.fdopen(0, "r", closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.resetwarnings()
    for category in (DeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)
    random.seed()
    gc.enable()
