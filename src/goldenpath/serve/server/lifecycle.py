"""The life of a model server process: launch line, verified model, traffic, orderly end.

The launch line is the only configuration. A server that cannot verify its release reports it and
exits. End of standard input or SIGTERM starts the drain.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.http.limits import Limits
from goldenpath.processes.launch import ServerLaunch, ServingTerms
from goldenpath.project.spec import Contract
from goldenpath.serve.model.loaded_release import ModelContent, load
from goldenpath.serve.model.model import ModelApart
from goldenpath.serve.model.startup_checks import refuse_other_answers
from goldenpath.serve.model.worker import Workplace
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.protocol.release_identity import ReleaseIdentity
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import SPOOL_VERSION, SpoolHeader
from goldenpath.serve.server.listener_files import ListenerFiles
from goldenpath.serve.server.model_server import ModelServer

if TYPE_CHECKING:
    from goldenpath.serve.grpc.grpc_listener import GrpcListener

GRACE = 25.0
"""Seconds for open gRPC calls once the server drains."""
MAX_LAUNCH = 1024 * 1024
"""Bytes of the longest launch line."""


def main() -> int:
    """Run one server until it has drained, and return its exit code."""
    started = time.monotonic()
    try:
        launch = read_launch(0)
        with ExitStack() as stack:
            content = load(launch, datetime.now(UTC), stack)
            uvloop.run(_serve(launch, content, started))
    except GoldenPathError as error:
        _send_event({"event": "failed", "error": error.message, "hint": error.hint})
        return error.exit_code
    return 0


def read_launch(descriptor: int) -> ServerLaunch:
    """Read the first line of standard input. Raises `InvalidInput` if it is no launch record."""
    line = b""
    while not line.endswith(b"\n"):
        # Byte by byte, because the bytes after the line belong to another reader.
        chunk = os.read(descriptor, 1)
        if not chunk:
            break
        line += chunk
        if len(line) > MAX_LAUNCH:
            raise InvalidInput(f"the launch line is too long: expected at most {MAX_LAUNCH} bytes")
    try:
        return msgspec.json.decode(line, type=ServerLaunch)
    except ValueError as error:
        raise InvalidInput(f"the first line of standard input is no launch: {error}") from error


async def _serve(launch: ServerLaunch, content: ModelContent, started: float) -> None:
    identity = ReleaseIdentity(
        launch.stage, launch.model, launch.slot, launch.digest, launch.replica
    )
    files = ListenerFiles(launch, _report)
    spool = _spool(identity, content, launch) if launch.spool else None
    loaded = content.model
    model = await _started(content.contract, loaded) if isinstance(loaded, Workplace) else loaded
    largest = await refuse_other_answers(content.expected, model)
    server = ModelServer(
        identity,
        content.contract,
        model,
        spool,
        report=_report,
        on_loss=launch.on_loss,
        access=files.access(),
        caller_secret=launch.caller_secret,
        behind_gateway=launch.listen.startswith(("unix:", "127.0.0.1:")),
    )
    server.warm_up()
    loop = asyncio.get_running_loop()
    stop = _stop_event(loop, server)
    loop.add_signal_handler(signal.SIGHUP, files.reload, server)
    grpc_listener, grpc_fields = await _grpc_listener(server, launch, files)
    address = await server.listen(launch.listen, files.tls)
    ready = {"event": "ready", "address": address, "seconds": round(time.monotonic() - started, 4)}
    equality = {"differences": content.expected.differences, "answers_differ_by": largest}
    _send_event(ready | grpc_fields | equality)
    await stop.wait()
    if grpc_listener is not None:
        await grpc_listener.close(GRACE)
    await server.drain()
    if spool is not None:
        spool.close()
    lost = spool.lost_ever if spool else 0
    _send_event({"event": "drained", "answered": server.answered, "lost": lost})


async def _started(contract: Contract, place: Workplace) -> ModelApart:
    """Return a code model, warm and in its own process."""
    from goldenpath.serve.model.supervised_worker import SupervisedModel, terms_of

    def report_turn(turn: str, why: str) -> None:
        _send_event({"event": "content", "turn": turn, "message": why})

    example = InputRules(contract).examples(1)
    model = SupervisedModel(place, terms_of(contract), example, _report, happened=report_turn)
    worker = await model.start()
    measures = ", ".join(worker.isolation)
    _report(f"the model runs in its own process, Python {worker.python}: {measures}")
    return model


async def _grpc_listener(
    server: ModelServer, launch: ServerLaunch, files: ListenerFiles
) -> tuple["GrpcListener | None", dict[str, object]]:
    """Open the gRPC listener, if the launch has one, and return it with its event fields."""
    if not launch.grpc:
        return None, {}
    # Imported here because it loads gRPC, which most servers do not need.
    from goldenpath.serve.server.grpc_bridge import open_listener

    listener, address = await open_listener(server, launch, files, Limits())
    return listener, {"grpc": address}


def _spool(identity: ReleaseIdentity, content: ModelContent, launch: ServerLaunch) -> SpoolWriter:
    header = SpoolHeader(
        SPOOL_VERSION,
        identity.stage,
        identity.model,
        identity.slot,
        identity.digest,
        identity.replica,
        [feature.name for feature in content.contract.features],
        time.time_ns(),
        scheme="https" if launch.certificate else "http",
    )
    return SpoolWriter(Path(launch.spool), header, report=_report)


def _stop_event(loop: asyncio.AbstractEventLoop, server: ModelServer) -> asyncio.Event:
    """Return an event set by end of input, SIGTERM or SIGINT; until then apply new terms."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def apply_terms(line: bytes) -> None:
        try:
            server.on_loss = msgspec.json.decode(line, type=ServingTerms).on_loss
        except ValueError as error:
            _report(f"a line of standard input is not understood: {error}")

    def wait_for_end() -> None:
        rest = b""
        while chunk := os.read(0, 4096):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                loop.call_soon_threadsafe(apply_terms, line)
            rest = rest[-MAX_LAUNCH:]
        loop.call_soon_threadsafe(stop.set)

    # A thread, because an event loop cannot watch every kind of standard input.
    threading.Thread(target=wait_for_end, name="stdin", daemon=True).start()
    return stop


def _send_event(event: dict[str, object]) -> None:
    """Write one event for the supervisor; a closed pipe is only logged."""
    try:
        os.write(1, msgspec.json.encode(event) + b"\n")
    except OSError as error:
        _report(f"nobody reads the events: {error}")


def _report(message: str) -> None:
    """Write one log line for people."""
    sys.stderr.write(f"{message}\n")
