"""One process that holds the servers of several releases, each as it would be in its own process.

Only graphs share: a model that is code, or a large one, is named as one that has to run apart. Each
release is verified, has its own listener, its own records and its own end. They start one after the
other, so that a crash in between says which one it was. What they share is the interpreter, the
event loop, and the fate of the process.

A supervisor writes a `SharedCommand` on each line of standard input, and every event on standard
output names the replica that it is about. The end of input ends all.
"""

import asyncio
import gc
import signal
import time
import traceback
from collections.abc import Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import uvloop

from goldenpath.errors import GoldenPathError
from goldenpath.http.limits import Limits
from goldenpath.processes.cgroup import cgroup_limits
from goldenpath.processes.launch import ServerConfiguration, SharedCommand
from goldenpath.processes.log_lines import log_line
from goldenpath.serve.model.loaded_release import ModelContent, NeedsOwnProcess, load
from goldenpath.serve.server.lifecycle import hear_lines, send_event
from goldenpath.serve.server.release_server import ReleaseServer, ServerOutput

LIMITS = replace(Limits(), bodies=2 * Limits().body)
"""For the callers of one release; together they stay below those of releases with own processes."""


class SharedServer:
    """The releases that this process holds, by replica."""

    def __init__(self) -> None:
        self._held: dict[str, ReleaseServer] = {}
        self._turn = asyncio.Lock()
        self._unwanted: set[str] = set()
        """Replicas that are to end and have not started yet."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = cgroup_limits()

    def hear(self, line: bytes) -> None:
        """Take a command of the supervisor."""
        try:
            command = msgspec.json.decode(line, type=SharedCommand)
        except ValueError as error:
            log_line(f"a line of standard input is not understood: {error}")
            return
        server = self._held.get(command.replica)
        if command.start is not None:
            self._begin(self._start(command.start))
        elif command.ends and server is not None:
            del self._held[command.replica]
            self._begin(self._end(command.replica, server))
        elif command.ends:
            self._unwanted.add(command.replica)
        elif command.terms is not None and server is not None:
            server.apply(command.terms)

    def reload(self) -> None:
        """Let every release read certificates and access rules again."""
        for server in self._held.values():
            server.reload()

    async def close(self) -> None:
        """Let every release answer what is open and seal its records."""
        self._unwanted.update(self._held)
        ending = [self._end(replica, server) for replica, server in self._held.items()]
        self._held = {}
        await asyncio.gather(*ending, *self._tasks)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, launch: ServerConfiguration) -> None:
        async with self._turn:
            if launch.replica in self._unwanted:
                self._ended(launch.replica, 0)
                return
            _send(launch.replica, {"event": "starting"})
            try:
                await self._serve(launch)
            except NeedsOwnProcess as error:
                _send(launch.replica, {"event": "apart", "message": error.message})
                self._ended(launch.replica, 0)
            except GoldenPathError as error:
                failed = {"event": "failed", "error": error.message, "hint": error.hint}
                _send(launch.replica, failed)
                self._ended(launch.replica, error.exit_code)
            except Exception as error:  # a bug that one release meets must not end the others
                log_line(traceback.format_exc())
                _send(launch.replica, {"event": "failed", "error": f"{error!r}", "hint": ""})
                self._ended(launch.replica, 1)

    async def _serve(self, launch: ServerConfiguration) -> None:
        started, name = time.monotonic(), f"{launch.stage}/{launch.model}/{launch.slot}"
        output = ServerOutput(
            lambda event: _send(launch.replica, event), lambda line: log_line(f"{name}: {line}")
        )
        # In a thread, so that the others answer meanwhile.
        content = await asyncio.to_thread(self._loaded, launch)
        server = ReleaseServer(launch, content, output, LIMITS)
        try:
            await server.prepare()
            ready = await server.listen(started)
        except BaseException:
            await server.close()
            raise
        _send(launch.replica, ready)
        if launch.replica in self._unwanted:
            await self._end(launch.replica, server)
        else:
            self._held[launch.replica] = server

    def _loaded(self, launch: ServerConfiguration) -> ModelContent:
        with ExitStack() as stack:
            return load(launch, datetime.now(UTC), stack, self._room)

    async def _end(self, replica: str, server: ReleaseServer) -> None:
        answered = await server.close()
        _send(replica, {"event": "drained", "answered": answered, "lost": server.lost})
        self._ended(replica, 0)
        # What was there when a release became warm is never looked at again by the collector.
        del server
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    def _ended(self, replica: str, code: int) -> None:
        self._unwanted.discard(replica)
        _send(replica, {"event": "ended", "code": code})


def _send(replica: str, event: Mapping[str, object]) -> None:
    send_event({**event, "replica": replica})


async def run() -> None:
    """Serve what the supervisor names until standard input ends."""
    loop, stop, server = asyncio.get_running_loop(), asyncio.Event(), SharedServer()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, server.reload)
    hear_lines(0, loop, server.hear, stop.set)
    await stop.wait()
    await server.close()


def main() -> int:
    """Run the process until its supervisor is gone, and return its exit code."""
    uvloop.run(run())
    return 0
