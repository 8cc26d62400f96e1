"""The gateway process as the local target sees it: it is sent routing tables and confirms them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.deploy.machine.home_faults import HomeFaults
from goldenpath.deploy.machine.tenure import Standing
from goldenpath.processes.child import Message
from goldenpath.processes.launch import GatewayLaunch, Route, Routes, RouteSlot
from goldenpath.processes.sidecar import Sidecar
from goldenpath.serve.gateway.refusals import FILE, write_refusals


@dataclass(frozen=True, slots=True)
class RouteChanged:
    """The gateway now splits the traffic of a deployment in another way."""

    stage: str
    model: str
    slots: tuple[RouteSlot, ...]
    """Slots that have a server, with their share in percent."""


class Gateway:
    """The gateway process, its desired routing table and the generation that it applied."""

    def __init__(
        self,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        run: Path,
        launch: GatewayLaunch,
        *,
        report: Callable[[RouteChanged], None],
        demand: Callable[[Message], None],
        faults: HomeFaults,
        standing: Callable[[], Standing] = Standing,
    ) -> None:
        self.sidecar = Sidecar(
            "gateway", command, environment, run / "logs" / "gateway.log", launch=self._launch
        )
        self.generation = 0
        self.applied = 0
        self.address = ""
        self.tallies: Mapping[str, JsonValue] = {}
        self._wanted = launch
        self._standing = standing
        self._refusals = run / FILE
        self._report = report
        self._demand = demand
        self._faults = faults
        self._starts = 0
        self._begun = 0
        """The first generation that the running gateway was sent."""
        self._changed: dict[str, int] = {}
        """By deployment: the first generation with its route as it is now."""
        self._routes: tuple[Route, ...] = ()
        self._pending: tuple[str, ...] | None = ()
        self._reported: dict[str, tuple[RouteSlot, ...]] = {}

    @property
    def is_settled(self) -> bool:
        """Whether the gateway applied the newest table."""
        return self.applied == self.generation

    def has_settled(self, name: str) -> bool:
        """Whether the gateway applied the route of a deployment as it is now."""
        return self.applied >= max(self._begun, self._changed.get(name, 0))

    def tick(self, now: float) -> None:
        """Handle messages of the gateway; send the table to one that was restarted."""
        for message in self.sidecar.tick(now):
            match message.get("event"):
                case "ready":
                    self.address = str(message["address"])
                case "applied":
                    self.applied = int(str(message["generation"]))
                    self._report_changes()
                case "busy" | "woke":
                    self._demand(message)
                case "refused":
                    self._write_refusals(message.get("refused"))
                case "tally":
                    tallies = message.get("tallies")
                    self.tallies = tallies if isinstance(tallies, dict) else {}
        if self.sidecar.starts != self._starts:
            if not self._starts:
                # Counters of an earlier gateway would have nothing to be added to.
                self._refusals.unlink(missing_ok=True)
            self._starts = self.sidecar.starts
            self._publish()
            self._begun = self.generation

    def _write_refusals(self, refused: object) -> None:
        write = partial(write_refusals, refused, self._refusals)
        self._faults.attempt("the count of refused requests", write)

    def send(self, routes: tuple[Route, ...], pending: tuple[str, ...] | None) -> None:
        """Send a table if it differs from the last one."""
        if (routes, pending) != (self._routes, self._pending):
            before, after = _by_name(self._routes), _by_name(routes)
            self._routes, self._pending = routes, pending
            self._publish()
            for name in {*before, *after}:
                if before.get(name) != after.get(name):
                    self._changed[name] = self.generation
            self._changed = {name: each for name, each in self._changed.items() if name in after}

    def _launch(self) -> GatewayLaunch | None:
        standing = self._standing()
        if not standing.may_listen:
            return None
        # A restarted gateway must listen where its clients know it.
        address = self.address or self._wanted.listen
        return replace(self._wanted, listen=address, predecessor=standing.predecessor)

    def _publish(self) -> None:
        self.generation += 1
        if self.sidecar.child is not None:
            self.sidecar.child.send(Routes(self.generation, self._routes, self._pending))

    def _report_changes(self) -> None:
        """Report weights that are in force now. The restart of a replica does not change them."""
        if not self.is_settled:
            return
        now = _by_name(self._routes)
        for name in sorted({*now, *self._reported}):
            route = now.get(name)
            slots = tuple(
                replace(slot, addresses=())
                for slot in (route.slots if route else ())
                if slot.addresses
            )
            is_waiting = route is not None and bool(route.slots) and not slots
            if not is_waiting and self._reported.get(name, ()) != slots:
                self._reported[name] = slots
                stage, _, model = name.partition("/")
                self._report(RouteChanged(stage, model, slots))


def _by_name(routes: Iterable[Route]) -> dict[str, Route]:
    return {f"{route.stage}/{route.model}": route for route in routes}


def tally_numbers(tallies: Mapping[str, JsonValue]) -> dict[str, dict[str, int | list[int]]]:
    """Return the counters of each slot."""
    numbers: dict[str, dict[str, int | list[int]]] = {}
    for name, tally in tallies.items():
        counts = numbers.setdefault(name, {})
        for key, value in tally.items() if isinstance(tally, dict) else ():
            if isinstance(value, int):
                counts[key] = value
            elif isinstance(value, list):
                counts[key] = [each for each in value if isinstance(each, int)]
    return numbers
