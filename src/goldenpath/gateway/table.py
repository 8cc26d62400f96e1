"""The routing table: from path or host of a request to the slots behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.gateway.split import choose, sticky_point
from goldenpath.reconcile.launch import Route, Routes, RouteSlot


@dataclass(frozen=True, slots=True)
class Table:
    """All routes of one generation."""

    generation: int
    by_path: Mapping[bytes, Route]
    """`stage/model` to its route."""

    @classmethod
    def of(cls, routes: Routes) -> "Table":
        """The table of a message from the supervisor."""
        named = {f"{route.stage}/{route.model}".encode(): route for route in routes.routes}
        return cls(routes.generation, named)

    def find(self, path: bytes, host: bytes) -> tuple[Route, bytes] | None:
        """The route of a request and the path behind it.

        `/<stage>/<model>/v2/…` goes by its path; `/v2/…` by a host `<model>.<stage>.localhost`.
        """
        parts = path.split(b"/", 3)
        if len(parts) == 4 and parts[0] == b"":
            route = self.by_path.get(parts[1] + b"/" + parts[2])
            if route is not None:
                return route, b"/" + parts[3]
        labels = host.split(b":", 1)[0].lower().split(b".")
        if len(labels) >= 3 and labels[-1] == b"localhost":
            route = self.by_path.get(labels[-2] + b"/" + b".".join(labels[:-2]))
            if route is not None:
                return route, path
        return None

    def addresses(self) -> frozenset[str]:
        """Every address that some route uses."""
        return frozenset(
            address
            for route in self.by_path.values()
            for slot in route.slots
            for address in slot.addresses
        )


def pick(route: Route, forced: bytes | None, subject: bytes | None, point: float) -> str | None:
    """Name of the slot that should answer, whether or not it can just now.

    A forced slot that the route does not have gives None.
    """
    if forced is not None:
        name = forced.decode("ascii", "replace")
        return name if any(slot.name == name for slot in route.slots) else None
    live = [slot for slot in route.slots if not slot.shadow]
    if subject is not None:
        point = sticky_point(f"{route.stage}/{route.model}", subject)
    chosen = choose(live, point)
    return chosen.name if chosen else None


def servable(route: Route, name: str, forced: bool, point: float) -> RouteSlot | None:
    """The slot of that name if it has an address, else another live one that has.

    A canary whose servers are gone gives its share back; a forced slot is never replaced.
    """
    slot = next((slot for slot in route.slots if slot.name == name), None)
    if slot is not None and slot.addresses:
        return slot
    if forced:
        return None
    return choose([slot for slot in route.slots if slot.addresses and not slot.shadow], point)
