"""One release in a server process: loaded content, its listeners, its records, an orderly end.

A process of its own holds one of them, a shared process several (`shared_server.py`). What a
release answers and records is the same in both.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.http.limits import Limits
from goldenpath.processes.launch import ServerConfiguration, ServingTerms
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.serve.model.loaded_release import ModelContent
from goldenpath.serve.model.model import Model, ModelApart
from goldenpath.serve.model.startup_checks import refuse_other_answers
from goldenpath.serve.model.worker import Workplace
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.protocol.release_identity import ReleaseIdentity, ReleaseMark
from goldenpath.serve.record.spool import SpoolWriter
from goldenpath.serve.record.spool_buffer import SLOT_BYTES
from goldenpath.serve.record.spool_format import SPOOL_VERSION, SpoolHeader
from goldenpath.serve.server.listener_files import ListenerFiles
from goldenpath.serve.server.model_server import ModelServer

if TYPE_CHECKING:
    from goldenpath.serve.grpc.grpc_listener import GrpcListener

SHARED_SLOT_BYTES = SLOT_BYTES // 8
"""A thousand small models then allocate half a gigabyte of disk for it, and not four."""
GRACE = 25.0
"""Seconds for open gRPC calls once the server drains."""


@dataclass(frozen=True, slots=True)
class ServerOutput:
    """Where a server reports: events for programs, and a log for people."""

    event: Callable[[Mapping[str, object]], None]
    log: Callable[[str], None]


class ReleaseServer:
    """The server of one release: it listens, answers, and drains."""

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
        self._server: ModelServer | None = None
        self._grpc: GrpcListener | None = None
        self._difference = 0.0
        """The largest difference to the recorded answers."""

    async def prepare(self) -> None:
        """Warm the model up, once it gives the answers of its build.

        Raises `GoldenPathError` if it may not serve.
        """
        loaded = self._content.model
        model = await self._started(loaded) if isinstance(loaded, Workplace) else loaded
        self._difference = await refuse_other_answers(self._content.expected, model)
        self._server = self._model_server(model)
        self._server.warm_up()

    async def listen(self, started: float) -> Mapping[str, object]:
        """Listen after `prepare`, and return the event `ready`.

        `started` is when the process or the release began to start, in monotonic seconds. Raises
        `Unavailable` if an address is taken.
        """
        launch, server = self._launch, self._server
        if server is None:
            raise ValueError("a server listens only once it is prepared")
        self._grpc, grpc_fields = await self._grpc_listener(server)
        address = await server.listen(launch.listen, self._files.tls)
        seconds = round(time.monotonic() - started, 4)
        differences = self._content.expected.differences
        equality = {"differences": differences, "answers_differ_by": self._difference}
        named = {"model": self._identity.model, "digest": launch.digest, "mark": _mark(launch)}
        ready = {"event": "ready", "address": address, "seconds": seconds}
        return ready | grpc_fields | equality | named

    def apply(self, terms: ServingTerms) -> None:
        """Follow the terms of its stage."""
        if self._server is not None:
            self._server.on_loss = terms.on_loss

    def reload(self) -> None:
        """Read certificates and access rules again."""
        if self._server is not None:
            self._files.reload(self._server)

    async def close(self) -> int:
        """Answer what is open, seal the records, and return the number of answers."""
        server = self._server
        if server is not None:
            if self._launch.drain_delay:
                # Whoever spreads the requests needs time to see that this server is not ready.
                server.withdraw()
                await asyncio.sleep(self._launch.drain_delay)
            if self._grpc is not None:
                await self._grpc.close(GRACE)
            await server.drain()
        if self._spool is not None:
            # In a thread: it waits for the disk, and others in the process answer meanwhile.
            await asyncio.to_thread(self._spool.close)
        return server.answered if server is not None else 0

    @property
    def lost(self) -> int:
        """Return the number of answers without a record."""
        return self._spool.lost_ever if self._spool else 0

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
        slot_bytes = SHARED_SLOT_BYTES if launch.is_shared else SLOT_BYTES
        return SpoolWriter(
            Path(launch.spool), header, report=self._output.log, slot_bytes=slot_bytes
        )


def _mark(launch: ServerConfiguration) -> ReleaseMark:
    """Return how well it is known that the release is the one with the digest of the launch."""
    if launch.trust is not None:
        return "verified"
    return "declared" if launch.source.declared else "observed"
