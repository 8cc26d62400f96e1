"""The life of a model server process: verified model, listeners, traffic, orderly end.

A `ServerConfiguration` is the only configuration. `goldenpath up` writes it on the standard input
of a child, `goldenpath serve` makes it from flags and environment; the rest is the same. A server
that cannot verify its release reports it and exits. SIGTERM starts the drain, and so does the end
of standard input where a supervisor holds the other end.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.http.limits import Limits
from goldenpath.processes.cgroup import cgroup_limits
from goldenpath.processes.launch import ServerConfiguration, ServingTerms
from goldenpath.processes.log_lines import log_line
from goldenpath.processes.sidecar import Sidecar
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.model.loaded_release import ModelContent, load
from goldenpath.serve.model.model import Model, ModelApart
from goldenpath.serve.model.startup_checks import refuse_other_answers
from goldenpath.serve.model.worker import Workplace
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.protocol.release_identity import ReleaseIdentity, ReleaseMark
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_format import SPOOL_VERSION, SpoolHeader
from goldenpath.serve.server.companions import Companions
from goldenpath.serve.server.listener_files import ListenerFiles
from goldenpath.serve.server.model_server import ModelServer

if TYPE_CHECKING:
    from goldenpath.serve.grpc.grpc_listener import GrpcListener

GRACE = 25.0
"""Seconds for open gRPC calls once the server drains."""
MAX_LAUNCH = 1024 * 1024
"""Bytes of the longest launch line."""


@dataclass(frozen=True, slots=True)
class ServerOutput:
    """Where a server reports: events for programs, and a log for people."""

    event: Callable[[Mapping[str, object]], None]
    log: Callable[[str], None]


def main() -> int:
    """Run the server of a supervisor until it has drained, and return its exit code."""
    try:
        run(read_launch(0), ServerOutput(_send_event, log_line), commands=0)
    except GoldenPathError as error:
        _send_event({"event": "failed", "error": error.message, "hint": error.hint})
        return error.exit_code
    return 0


def run(
    launch: ServerConfiguration,
    output: ServerOutput,
    *,
    commands: int | None = None,
    beside: Sequence[Sidecar] = (),
) -> None:
    """Verify, load and serve one release until it has drained.

    A supervisor sends `ServingTerms` on the descriptor `commands`. The processes in `beside` start
    when the server is ready, and end after its last record.
    """
    started = time.monotonic()
    limits = cgroup_limits()
    with ExitStack() as stack:
        content = load(launch, datetime.now(UTC), stack, limits)
        server = _Server(launch, content, output, server_limits(limits.memory))
        uvloop.run(server.serve(started, commands, beside))


def read_launch(descriptor: int) -> ServerConfiguration:
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
        return msgspec.json.decode(line, type=ServerConfiguration)
    except ValueError as error:
        raise InvalidInput(f"the first line of standard input is no launch: {error}") from error


def server_limits(memory: int | None) -> Limits:
    """Return the limits for callers. Their bodies take at most an eighth of a limited memory."""
    usual = Limits()
    if memory is None:
        return usual
    return Limits(bodies=max(usual.body, min(usual.bodies, memory // 8)))


class _Server:
    """One server: it listens, answers, and drains."""

    def __init__(
        self,
        launch: ServerConfiguration,
        content: ModelContent,
        output: ServerOutput,
        limits: Limits,
    ) -> None:
        self._launch = launch
        self._content = content
        self._output = output
        self._limits = limits
        self._identity = ReleaseIdentity(
            launch.stage,
            content.contract.name,
            launch.slot,
            launch.digest,
            launch.replica,
            _mark(launch),
        )
        self._files = ListenerFiles(launch, output.log)
        self._spool = self._open_spool() if launch.spool else None

    async def serve(self, started: float, commands: int | None, beside: Sequence[Sidecar]) -> None:
        """Serve until a signal or the end of `commands` asks for the end."""
        launch, content = self._launch, self._content
        loaded = content.model
        model = await self._started(loaded) if isinstance(loaded, Workplace) else loaded
        largest = await refuse_other_answers(content.expected, model)
        server = self._model_server(model)
        server.warm_up()
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if commands is not None:
            self._follow(commands, server, loop, stop)
        loop.add_signal_handler(signal.SIGHUP, self._files.reload, server)
        grpc_listener, grpc_fields = await self._grpc_listener(server)
        address = await server.listen(launch.listen, self._files.tls)
        seconds = round(time.monotonic() - started, 4)
        equality = {"differences": content.expected.differences, "answers_differ_by": largest}
        named = {"model": self._identity.model, "digest": launch.digest, "mark": _mark(launch)}
        ready = {"event": "ready", "address": address, "seconds": seconds}
        self._output.event(ready | grpc_fields | equality | named)
        companions = Companions(beside, self._output.event)
        companions.look()
        await stop.wait()
        if launch.drain_delay:
            # Whoever spreads the requests needs time to see that this server is not ready.
            server.withdraw()
            await asyncio.sleep(launch.drain_delay)
        if grpc_listener is not None:
            await grpc_listener.close(GRACE)
        await server.drain()
        if self._spool is not None:
            self._spool.close()
        companions.end()
        lost = self._spool.lost_ever if self._spool else 0
        self._output.event({"event": "drained", "answered": server.answered, "lost": lost})

    def _model_server(self, model: Model | ModelApart) -> ModelServer:
        launch = self._launch
        is_local = launch.listen.startswith(("unix:", "127.0.0.1:"))
        return ModelServer(
            self._identity,
            self._content.contract,
            model,
            self._spool,
            report=self._output.log,
            limits=self._limits,
            on_loss=launch.on_loss,
            access=self._files.access(),
            caller_secret=launch.caller_secret,
            behind_gateway=launch.is_behind_gateway and is_local,
        )

    async def _started(self, place: Workplace) -> ModelApart:
        """Return a code model, warm and in its own process."""
        from goldenpath.serve.model.supervised_worker import SupervisedModel, terms_of

        def report_turn(turn: str, why: str) -> None:
            self._output.event({"event": "content", "turn": turn, "message": why})

        contract, log = self._content.contract, self._output.log
        example = InputRules(contract).examples(1)
        model = SupervisedModel(place, terms_of(contract), example, log, happened=report_turn)
        worker = await model.start()
        measures = ", ".join(worker.isolation)
        log(f"the model runs in its own process, Python {worker.python}: {measures}")
        return model

    async def _grpc_listener(
        self, server: ModelServer
    ) -> tuple["GrpcListener | None", dict[str, object]]:
        """Open the gRPC listener, if the launch has one, and return it with its event fields."""
        if not self._launch.grpc:
            return None, {}
        # Imported here because it loads gRPC, which most servers do not need.
        from goldenpath.serve.server.grpc_bridge import open_listener

        opened = await open_listener(server, self._launch.grpc, self._files, self._limits)
        return opened[0], {"grpc": opened[1]}

    def _open_spool(self) -> SpoolWriter:
        identity, launch = self._identity, self._launch
        header = SpoolHeader(
            SPOOL_VERSION,
            identity.stage,
            identity.model,
            identity.slot,
            identity.digest,
            identity.replica,
            [feature.name for feature in self._content.contract.features],
            time.time_ns(),
            scheme="https" if launch.listener_settings.certificate else "http",
            outputs=AnswerRules(self._content.contract).width,
        )
        return SpoolWriter(Path(launch.spool), header, report=self._output.log)

    def _follow(
        self,
        commands: int,
        server: ModelServer,
        loop: asyncio.AbstractEventLoop,
        stop: asyncio.Event,
    ) -> None:
        """Apply the terms that a supervisor sends; the end of its messages starts the drain."""

        def apply_terms(line: bytes) -> None:
            try:
                server.on_loss = msgspec.json.decode(line, type=ServingTerms).on_loss
            except ValueError as error:
                self._output.log(f"a line of standard input is not understood: {error}")

        def wait_for_end() -> None:
            rest = b""
            while chunk := os.read(commands, 4096):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    loop.call_soon_threadsafe(apply_terms, line)
                rest = rest[-MAX_LAUNCH:]
            loop.call_soon_threadsafe(stop.set)

        # A thread, because an event loop cannot watch every kind of standard input.
        threading.Thread(target=wait_for_end, name="stdin", daemon=True).start()


def _mark(launch: ServerConfiguration) -> ReleaseMark:
    """Return how well it is known that the release is the one with the digest of the launch."""
    if launch.trust is not None:
        return "verified"
    return "declared" if launch.source.declared else "observed"


def _send_event(event: Mapping[str, object]) -> None:
    """Write one event for the supervisor; a closed pipe is only logged."""
    try:
        os.write(1, msgspec.json.encode(event) + b"\n")
    except OSError as error:
        log_line(f"nobody reads the events: {error}")
