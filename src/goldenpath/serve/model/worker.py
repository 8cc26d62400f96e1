"""The process of a code model, as the server sees it: one start, one end.

The server never blocks on it: it sends a question and gets the answer in its event loop. A process
that dies, takes too long or breaks the protocol is ended and not asked again.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from goldenpath.errors import GoldenPathError, Unavailable
from goldenpath.processes.confinement import Confinement, Sandbox, confine, interpreter_files
from goldenpath.processes.sandbox.request import (
    FORKING,
    METADATA,
    PROCESSES,
    SCHEDULING,
    SESSIONS,
    SHARING,
    SIGNALS,
    WATCHING,
)
from goldenpath.serve.model import worker_program
from goldenpath.serve.model.model import Rows, Scores
from goldenpath.serve.model.worker_memory import held_memory

MOST_WORDS = 64 * 1024
"""Bytes of a process's output that are passed on."""
SCRATCH_SIZE = 256
"""MiB that the content may write into its scratch folder, where the kernel limits it."""
_LARGEST_FILE = 64 * 2**20
_MOST_TASKS = 1024
"""Processes and threads at a time."""
_TAIL = 2000
_END = 0.25
"""Seconds until a process that closed its socket counts as alive."""
_REFUSED = (METADATA, SCHEDULING, SHARING, WATCHING, SESSIONS, SIGNALS)


@dataclass(frozen=True, slots=True)
class Workplace:
    """The folders of the content, and what it may use. Only this user may write there."""

    python: Path
    """Interpreter of the model's own environment."""
    environment: Path
    code: Path
    files: Path
    scratch: Path
    """The one folder that the content may write."""
    variables: Mapping[str, str]
    confinement: Confinement = field(default_factory=confine)
    """What confines the content on this machine."""

    @property
    def packages(self) -> tuple[Path, ...]:
        """The folders of its packages. Nothing in them runs before the content imports it."""
        return tuple(sorted(self.environment.glob("lib*/python*/site-packages")))


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """The requirements of the contract for the content."""

    entry: str
    columns: int
    outputs: int
    time_limit: float
    start_limit: float
    memory_limit: int
    scores: int = 1
    """How many of the outputs are scores; the others are weights of reasons."""


class Ready(msgspec.Struct, frozen=True):
    """The report of the content when it is loaded."""

    python: str
    isolation: list[str]


State = Literal["starting", "ready", "ended"]
Answered = Callable[[Scores | GoldenPathError], None]
"""Gets the answer, the error, or `Unavailable` if the process ended."""


class Worker(asyncio.Protocol):
    """One process, which answers one question at a time."""

    def __init__(
        self,
        workplace: Workplace,
        terms: WorkerTerms,
        changed: Callable[["Worker"], None],
        report: Callable[[str], None],
    ) -> None:
        """Start the process; `changed` is called when it is ready and when it has ended."""
        self.state: State = "starting"
        self.why = ""
        """The reason why it ended."""
        self.ready: Ready | None = None
        self._loop = asyncio.get_running_loop()
        self._workplace, self._terms = workplace, terms
        self._changed, self._report = changed, report
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._number = 0
        self._answered: Answered | None = None
        self._rows = 0
        self._words = b""
        self._printed = 0
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                _command(workplace, terms, theirs.fileno()),
                cwd=workplace.scratch,
                env=dict(workplace.variables),
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            os.close(reading)
            raise Unavailable(f"the model's process cannot be started: {error}") from error
        finally:
            theirs.close()
            os.close(writing)
        self._speech = reading
        os.set_blocking(reading, False)
        self._loop.add_reader(reading, self._listen)
        self._clock = self._loop.call_later(terms.start_limit, self._too_late, "to start")
        self._ours = ours
        self._joining = self._loop.create_task(self._join())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_asked(self) -> bool:
        """Whether it owes an answer."""
        return self._answered is not None

    @property
    def memory(self) -> int:
        """Return the MiB that it and its processes hold, with shared memory and scratch files."""
        return held_memory(self.pid, self._workplace.scratch) // 2**20

    def ask(self, rows: Rows, answered: Answered, limit: float | None = None) -> None:
        """Ask; `answered` is called exactly once, later. Only while `ready` and not busy.

        The answer may take `limit` seconds; default: the limit of the contract.
        """
        if self.state != "ready" or self._answered is not None or self._transport is None:
            raise ValueError(f"a question to a process that is {self.state} or busy")
        self._number = (self._number + 1) % 2**32
        self._answered, self._rows = answered, len(rows)
        patience = self._terms.time_limit if limit is None else limit
        self._clock = self._loop.call_later(patience, self._too_late, "to answer")
        count, columns = rows.shape
        body = rows.astype("<f4", copy=False).tobytes()
        self._transport.write(
            worker_program.render(worker_program.ASK, self._number, count, columns, body=body)
        )

    def end(self, why: str) -> None:
        """Kill the process and all that it started."""
        if self.state == "ended":
            return
        self.state, self.why = "ended", why
        self._clock.cancel()
        self._joining.cancel()
        if self._transport is not None:
            self._transport.abort()
        else:
            self._ours.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        # The kernel may need a while to free the memory; the loop answers others meanwhile.
        threading.Thread(target=self._process.wait, name="reap", daemon=True).start()
        self._listen()
        self._loop.remove_reader(self._speech)
        os.close(self._speech)
        if self._answered is not None:
            answered, self._answered = self._answered, None
            answered(Unavailable(f"the model's process was lost: {why}"))
        self._changed(self)

    async def _join(self) -> None:
        await self._loop.create_unix_connection(lambda: self, sock=self._ours)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is in the event loop: send what to load."""
        self._transport = transport  # type: ignore[assignment]
        place, terms = self._workplace, self._terms
        hello: worker_program.Hello = {
            "code": str(place.code),
            "files": str(place.files),
            "entry": terms.entry,
            "columns": terms.columns,
            "outputs": terms.outputs,
            "scores": terms.scores,
            "packages": [str(path) for path in place.packages],
            "isolation": _isolation(place.confinement),
        }
        transport.write(  # type: ignore[attr-defined]
            worker_program.render(worker_program.HELLO, 0, 0, 0, body=json.dumps(hello).encode())
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The process closed its end: it has died, or is about to."""
        self._transport = None
        if self.state != "ended":
            try:
                code: int | None = self._process.wait(_END)
            except subprocess.TimeoutExpired:
                code = None
            self.end(_cause(code, self._last_words()))

    def data_received(self, data: bytes) -> None:
        """Take a message, if the protocol allows it now."""
        self._buffer += data
        while len(self._buffer) >= worker_program.HEAD.size and self.state != "ended":
            head = worker_program.HEAD.unpack_from(self._buffer)
            magic, version, kind, _, number, rows, columns, size = head
            fits = self._most(kind, rows, columns)
            if (magic, version, number) != (
                worker_program.MAGIC,
                worker_program.VERSION,
                self._number,
            ) or (size > fits):
                self.end("it sent a message that was not asked for")
                return
            end = worker_program.HEAD.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[worker_program.HEAD.size : end])
            del self._buffer[:end]
            self._take(kind, rows, columns, body)

    def _most(self, kind: int, rows: int, columns: int) -> int:
        """Return the bytes that such a message may have now; -1 if it is not allowed."""
        if self.state == "starting":
            return worker_program.MAX_TEXT if kind == worker_program.READY else -1
        if self._answered is None:
            return -1
        if kind == worker_program.FAILED:
            return worker_program.MAX_TEXT
        is_right = kind == worker_program.ANSWER and (rows, columns) == (
            self._rows,
            self._terms.outputs,
        )
        return 4 * rows * columns if is_right else -1

    def _take(self, kind: int, rows: int, columns: int, body: bytes) -> None:
        if kind == worker_program.READY:
            try:
                self.ready = msgspec.json.decode(body, type=Ready)
            except (msgspec.DecodeError, RecursionError) as error:
                self.end(f"its ready message is malformed: {error}")
                return
            self._clock.cancel()
            self.state = "ready"
            self._changed(self)
            return
        answered, self._answered = self._answered, None
        if answered is None or (kind == worker_program.ANSWER and len(body) != 4 * rows * columns):
            self._answered = answered
            self.end("its answer has another size than its head states")
            return
        self._clock.cancel()
        if kind == worker_program.FAILED:
            text = body.decode("utf-8", "replace")
            answered(GoldenPathError(f"the model failed: {text}"))
        else:
            answered(np.frombuffer(body, "<f4").reshape(rows, columns))

    def _too_late(self, what: str) -> None:
        self.end(f"it took too long {what}")

    def _listen(self) -> None:
        """Pass on its output up to a limit: a chatty model must not fill the disk."""
        with contextlib.suppress(BlockingIOError):
            while output := os.read(self._speech, 65536):
                self._words = (self._words + output)[-_TAIL:]
                if self._printed < MOST_WORDS:
                    self._report("model: " + output.decode("utf-8", "replace").rstrip("\n"))
                self._printed += len(output)
            self._loop.remove_reader(self._speech)

    def _last_words(self) -> str:
        self._listen()
        lines = self._words.decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:500] if lines else ""


def _cause(code: int | None, words: str) -> str:
    if code is None:
        how = "it closed its end of the socket"
    else:
        how = f"it ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
    return how + (f": {words}" if words else "")


def _command(place: Workplace, terms: WorkerTerms, channel: int) -> list[str]:
    """Return the command of the content. Its interpreter starts in the sandbox, without `site`."""
    program = Path(worker_program.__file__)
    sandbox = replace(
        model_sandbox(place.confinement, place.scratch, terms.memory_limit),
        readable=(
            place.environment, place.code, place.files, program, *interpreter_files(place.python)
        ),
    )  # fmt: skip
    command = [str(place.python), "-I", "-S", "-B", str(program), str(channel)]
    return place.confinement.command(command, sandbox, place.scratch)


def model_sandbox(confinement: Confinement, scratch: Path, memory: int) -> Sandbox:
    """Return what confines a model that is code, without its files. `memory` is in MiB."""
    limits_scratch = confinement.limits_scratch
    # Without a PID namespace a process that it starts could outlive a killed server.
    forking = () if PROCESSES in confinement.measures else (FORKING,)
    return Sandbox(
        writable=() if limits_scratch else (scratch,),
        scratch=scratch if limits_scratch else None,
        scratch_size=SCRATCH_SIZE,
        refused=(*_REFUSED, *forking),
        limits={
            "RLIMIT_FSIZE": _LARGEST_FILE,
            "RLIMIT_NOFILE": 1024,
            "RLIMIT_DATA": 2 * memory * 2**20,
        },
        most_tasks=_MOST_TASKS,
        first_to_kill=True,
        changes_user=True,
    )


def _isolation(confinement: Confinement) -> list[str]:
    """Return the measures by name, for the log of the server."""
    user = ["another user"] if confinement.changes_user else []
    return [*confinement.measures, *user, "limits", "no site"]
