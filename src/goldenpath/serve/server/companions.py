"""The processes that run beside a server that nobody supervises, such as the observer."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from goldenpath.errors import Unavailable
from goldenpath.processes.sidecar import Sidecar

LOOK = 0.5
"""Seconds between two looks at them."""
NAP = 0.02

Emit = Callable[[Mapping[str, object]], None]


class Companions:
    """Keeps processes running on the event loop of a server, and passes their events on.

    What they do must never cost an answer: a process that cannot start is tried again later.
    """

    def __init__(self, sidecars: Sequence[Sidecar], emit: Emit) -> None:
        self._sidecars = sidecars
        self._emit = emit
        self._next: asyncio.TimerHandle | None = None
        self._faults: dict[str, str] = {}

    def look(self) -> None:
        """Start what does not run, pass on events, and look again later."""
        if not self._sidecars:
            return
        for sidecar in self._sidecars:
            try:
                for event in sidecar.tick(time.monotonic()):
                    self._pass_on(sidecar.name, event)
                fault = sidecar.message
            except Unavailable as error:
                fault = error.message
            if fault and fault != self._faults.get(sidecar.name):
                self._emit({"event": "fault", "of": sidecar.name, "message": fault})
            self._faults[sidecar.name] = fault
        self._next = asyncio.get_running_loop().call_later(LOOK, self.look)

    def end(self) -> None:
        """Let each of them finish; to be called when no request is open."""
        if self._next is not None:
            self._next.cancel()
        for sidecar in self._sidecars:
            for event in sidecar.end(_wait):
                self._pass_on(sidecar.name, event)

    def _pass_on(self, name: str, event: Mapping[str, object]) -> None:
        # What is sealed is the regular course of things and would fill the log.
        if event.get("event") not in ("sealed", "answers", "failed"):
            self._emit({**event, "of": name})


def _wait() -> float:
    time.sleep(NAP)
    return time.monotonic()
