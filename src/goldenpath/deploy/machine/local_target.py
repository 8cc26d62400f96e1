"""The target on this machine: a gateway process, and one process per replica of each release.

A change keeps the deployment answering all the time: new servers start and become ready, the
gateway applies the new routes, and only then the old servers drain.
"""

import select
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from goldenpath.canonical import JsonValue
from goldenpath.deploy.machine.home_faults import HomeFaults
from goldenpath.deploy.machine.routing import Gateway, RouteChanged
from goldenpath.deploy.machine.server_launch import LocalSettings, ServerLauncher
from goldenpath.deploy.machine.server_process import ServerEvent, ServerProcess
from goldenpath.deploy.machine.stale_sockets import remove_stale
from goldenpath.deploy.machine.tenure import Standing
from goldenpath.deploy.machine.traffic_demand import TrafficDemand
from goldenpath.deploy.reconcile.target import Action, Apply, Prune, Running
from goldenpath.digest import Digest
from goldenpath.processes.child import Message
from goldenpath.processes.launch import (
    GatewayLaunch,
    ReleaseTrust,
    Route,
    RouteSlot,
    ServingTerms,
)
from goldenpath.processes.sidecar import Sidecars
from goldenpath.promote.manifests.desired import Deployment, Slot

Report = Callable[[ServerEvent | RouteChanged], None]
Key = tuple[str, str, int]
"""Deployment, variant of a slot, and replica."""


class LocalTarget:
    """Deployments as processes on this machine. `observe` also advances everything by one step."""

    def __init__(
        self,
        settings: LocalSettings,
        trust: Callable[[Deployment, Digest], ReleaseTrust],
        report: Report,
        terms: Callable[[str], ServingTerms] = lambda _: ServingTerms(),
        *,
        standing: Callable[[], Standing] = Standing,
    ) -> None:
        self._settings = settings
        self._standing = standing
        self._launcher = ServerLauncher(settings, trust, terms)
        self._terms = terms
        self._report = report
        self._deployments: dict[str, Deployment] = {}
        self._declared: frozenset[str] | None = frozenset()
        self._routed: dict[str, Deployment] = {}
        self._warm: dict[str, list[Slot]] = {}
        self._servers: dict[Key, ServerProcess] = {}
        self._leaving: list[ServerProcess] = []
        self._doomed: dict[Key, int] = {}
        self._demand = TrafficDemand()
        self.sidecars = Sidecars()
        self.home_faults = HomeFaults(settings.run)
        remove_stale(settings.run / "sockets")
        self._gateway = Gateway(
            settings.gateway,
            settings.environment,
            settings.run,
            GatewayLaunch(
                settings.listen,
                listener_settings=settings.listener_settings,
                inner=settings.inner,
                caller_secret=settings.caller_secret,
                handover=settings.handover,
            ),
            report=report,
            demand=self._hear_demand,
            faults=self.home_faults,
            standing=standing,
        )

    @property
    def address(self) -> str:
        """Address of the gateway; empty until it is ready."""
        return self._gateway.address

    @property
    def gateway_fault(self) -> str:
        """Why the gateway does not run; empty while it does."""
        return self._gateway.sidecar.message

    @property
    def tallies(self) -> Mapping[str, JsonValue]:
        """The gateway's counters per `stage/model/slot`, as it sent them last."""
        return self._gateway.tallies

    def servers(self) -> tuple[int, ...]:
        """Process ids of the model servers, each once."""
        pids = (server.child.pid for server in self._servers.values() if server.child)
        return tuple(dict.fromkeys(pids))

    def gateway_process(self) -> int:
        """Process id of the gateway, 0 while there is none."""
        child = self._gateway.sidecar.child
        return child.pid if child is not None else 0

    def reload(self) -> None:
        """Let gateway and servers read their certificates and access rules again."""
        ready = [server.child for server in self._servers.values() if server.address]
        if self._gateway.sidecar.is_ready:
            ready.append(self._gateway.sidecar.child)
        for child in (*ready, *self.sidecars.children(ready=True)):
            if child is not None:
                child.reload()

    @property
    def is_listening(self) -> bool:
        """Whether every listener for callers is open."""
        return bool(self.address) and self.sidecars.are_listening

    def answering(self) -> tuple[str, ...]:
        """Return the deployments that some server answers for, or that sleep."""
        return tuple(
            name
            for name, routed in sorted(self._routed.items())
            if not routed.stopped
            and (self._sleeps(name) or any(self._addresses(name, slot) for slot in routed.slots))
        )

    def is_complete(self, name: str) -> bool:
        """Return whether every server of a deployment is ready."""
        return name in self._deployments and self._is_ready(name)

    def declare(self, names: frozenset[str] | None) -> None:
        """Take over what git declares, admitted or not; None while git was not read.

        What is not declared is refused as unknown, everything else as not served yet.
        """
        self._declared = names
        self._send_routes()

    def observe(self) -> Mapping[str, Running]:
        """Return what runs now, by name."""
        self._advance(time.monotonic())
        servers: dict[str, list[Key]] = {name: [] for name in self._deployments}
        for key in self._servers:
            servers.setdefault(key[0], []).append(key)
        return {name: self._running(name, servers[name]) for name in self._deployments}

    def perform(self, action: Action) -> None:
        """Take over the desired state; `observe` reaches it step by step."""
        match action:
            case Apply(deployment):
                if self._deployments.get(deployment.name) != deployment:
                    # A changed deployment begins awake: a server that was never ready must not
                    # sleep.
                    self._demand.begin(deployment, time.monotonic())
                self._keep_warm(deployment)
                self._deployments[deployment.name] = deployment
            case Prune(name):
                self._deployments.pop(name, None)
                self._demand.forget(name)
                self._routed.pop(name, None)
                self._warm.pop(name, None)
        # Nothing advances here: one look at all of them follows any number of actions.

    def wait(self, seconds: float, also: Sequence[int] = ()) -> None:
        """Sleep until a child sends a message, one of `also` is readable, or time is up."""
        children = [server.child for server in (*self._servers.values(), *self._leaving)]
        children += [self._gateway.sidecar.child, *self.sidecars.children()]
        outputs = [child.output for child in children if child is not None]
        poll = select.poll()
        for descriptor in (*outputs, *also):
            poll.register(descriptor, select.POLLIN)
        poll.poll(seconds * 1000)

    def close(self) -> None:
        """Answer open requests, then end every child: listeners first, the observer last."""

        def wait() -> float:
            self.wait(0.02)
            self._drain_servers()
            return time.monotonic()

        self.sidecars.end_listeners(wait)
        self._gateway.sidecar.end(wait)
        for server in self._servers.values():
            server.drain(time.monotonic())
            self._leaving.append(server)
        self._servers = {}
        while self._leaving:
            wait()
        self._launcher.shared.close(wait)
        # One that took over a moment ago may have no observer yet. Without it, what its servers
        # wrote would not be sealed before the next start.
        self.sidecars.tick(time.monotonic(), listeners=False, others=self._standing().is_held)
        self.sidecars.end(wait)

    def _advance(self, now: float) -> None:
        self._gateway.tick(now)
        standing = self._standing()
        # There may be only one of the others: that of the supervisor that holds the lock.
        is_open = standing.is_held or (standing.may_listen and bool(self.address))
        self.sidecars.tick(now, listeners=is_open, others=standing.is_held)
        # The order of this method is that of a replacement: start, wait until ready, route, drain.
        # No request is without a server in between.
        self._start_missing()
        for (name, _, _), server in self._servers.items():
            self._report_all(server.tick(now))
            server.follow(self._terms(name.partition("/")[0]))
        self._drain_servers()
        self._launcher.shared.tick(now)
        self._settle()
        for name, deployment in self._deployments.items():
            # A release is scaled to zero only after it has shown that it can become ready.
            is_ready = self._routed.get(name) == deployment and self._is_ready(name)
            self._demand.ease(
                deployment, now, is_ready=is_ready and self._gateway.has_settled(name)
            )
        self._send_routes()
        self._retire(now)

    def _report_all(self, events: Sequence[ServerEvent]) -> None:
        for event in events:
            self._report(event)

    def _slots(self, name: str) -> Iterator[Slot]:
        """Yield the slots that should have servers: desired, still routed, or kept ready."""
        deployment, routed = self._deployments[name], self._routed.get(name)
        if self._sleeps(name):
            return
        seen: set[str] = set()
        for source in (deployment, routed):
            for slot in source.slots if source is not None and not source.stopped else ():
                if _variant(slot) not in seen:
                    seen.add(_variant(slot))
                    yield slot
        for slot in self._kept(deployment) if not deployment.stopped else ():
            if _variant(slot) not in seen:
                seen.add(_variant(slot))
                yield slot

    def _kept(self, deployment: Deployment) -> Iterator[Slot]:
        """Yield the releases that are ready for a rollback: that of git, then replaced ones."""
        if deployment.standby is not None and self._settings.warm > 0:
            yield deployment.standby
        yield from self._warm.get(deployment.name, [])

    def _wanted(self) -> Iterator[tuple[Key, Deployment, Slot]]:
        for name in self._deployments:
            yield from self._wanted_of(name)

    def _wanted_of(self, name: str) -> Iterator[tuple[Key, Deployment, Slot]]:
        for slot in self._slots(name):
            for replica in range(self._replicas(name, slot)):
                yield (name, _variant(slot), replica), self._deployments[name], slot

    def _start_missing(self) -> None:
        for key, deployment, slot in self._wanted():
            if key not in self._servers:
                self._servers[key] = self._launcher.server(deployment, slot)
            # It is wanted again before it was drained.
            self._doomed.pop(key, None)

    def _keep_warm(self, deployment: Deployment) -> None:
        """Keep the servers of the last `warm` releases that `deployment` replaces."""
        before = self._deployments.get(deployment.name)
        if before is None or self._settings.warm == 0:
            return
        staying = {slot.name for slot in deployment.releases}
        replaced = [slot for slot in before.slots if slot.name not in staying]
        known = [*replaced, *self._warm.get(deployment.name, [])]
        warm = {slot.name: slot for slot in reversed(known) if slot.name not in staying}
        self._warm[deployment.name] = [*reversed(warm.values())][: self._settings.warm]

    def _addresses(self, name: str, slot: Slot) -> tuple[str, ...]:
        if self._sleeps(name):
            return ()
        replicas = range(self._replicas(name, slot))
        servers = (self._servers.get((name, _variant(slot), number)) for number in replicas)
        return tuple(server.address for server in servers if server is not None and server.address)

    def _replicas(self, name: str, slot: Slot) -> int:
        """Return the number of servers of a release. The stable one is scaled by its traffic."""
        deployment = self._deployments[name]
        stable = (deployment, self._routed.get(name, deployment))
        # Both, because during a replacement the old stable release still has the traffic.
        if any(each.slots[0].name == slot.name for each in stable):
            return max(self._demand.servers(deployment), slot.replicas, 1)
        return max(slot.replicas, 1)

    def _sleeps(self, name: str) -> bool:
        return self._demand.servers(self._deployments[name]) == 0

    def _hear_demand(self, message: Message) -> None:
        """Take over requests in flight and the length of a cold start from the gateway."""
        busy = message.get("deployments")
        if isinstance(busy, dict):
            self._demand.hear(busy, self._deployments, time.monotonic())
        elif isinstance(seconds := message.get("seconds"), int | float):
            self._demand.woke(str(message.get("deployment")), seconds)

    def _settle(self) -> None:
        """Let the routes follow a deployment once each of its slots can answer."""
        for name, deployment in self._deployments.items():
            routed = self._routed.get(name)
            if routed == deployment:
                continue
            ready = all(self._addresses(name, slot) for slot in deployment.slots)
            # A first deployment is routed at once: the gateway then holds its requests instead of
            # refusing them.
            if routed is None or deployment.stopped or ready:
                self._routed[name] = deployment

    def _send_routes(self) -> None:
        routes = tuple(self._route(name) for name in sorted(self._routed))
        declared = self._declared
        pending = None if declared is None else tuple(sorted(declared - self._routed.keys()))
        self._gateway.send(routes, pending)

    def _route(self, name: str) -> Route:
        deployment = self._routed[name]
        slots = tuple(
            RouteSlot(
                slot.name,
                str(slot.digest),
                slot.percent,
                self._addresses(name, slot),
                # A canary of 0 percent is a shadow: it gets copies, and nobody gets its answers.
                shadow=place > 0 and slot.percent == 0,
            )
            for place, slot in enumerate(() if deployment.stopped else deployment.slots)
        )
        terms = self._terms(deployment.stage)
        return Route(
            deployment.stage,
            deployment.model,
            slots,
            terms.canary_refusals == "stable",
            terms.stable_outage == "canary",
        )

    def _retire(self, now: float) -> None:
        """Drain servers that are not desired, once the gateway no longer sends to them."""
        desired = {key for key, _, _ in self._wanted()}
        for key in [key for key in self._servers if key not in desired]:
            generation = self._doomed.setdefault(key, self._gateway.generation)
            # The gateway must have confirmed a table without the server, or a request in flight
            # could meet a closed socket.
            if self._gateway.applied >= generation or not self._servers[key].address:
                del self._doomed[key]
                server = self._servers.pop(key)
                server.drain(now)
                self._leaving.append(server)

    def _drain_servers(self) -> None:
        for server in self._leaving:
            self._report_all(server.tick(time.monotonic()))
        self._leaving = [server for server in self._leaving if not server.gone]

    def _running(self, name: str, keys: Sequence[Key]) -> Running:
        """Return how a deployment runs; `keys` are those of its servers."""
        deployment = self._deployments[name]
        if deployment.stopped:
            return Running(deployment, "stopped")
        servers = [
            self._servers[key]
            for key in keys
            if any(_variant(slot) == key[1] for slot in deployment.slots)
        ]
        settled = self._routed.get(name) == deployment and self._gateway.has_settled(name)
        cold = self._demand.cold_starts(name)
        failing = [server for server in servers if server.failures and not server.address]
        if failing:
            message = failing[0].message + self._outage(name)
            return Running(deployment, "failed", message, cold)
        if settled and self._sleeps(name):
            message = "no server runs without traffic; one starts with the next request"
            return Running(deployment, "asleep", message, cold)
        if settled and servers and all(server.address for server in servers):
            return Running(deployment, "ready", "", cold)
        return Running(deployment, "starting", "waiting for model servers to become ready", cold)

    def _outage(self, name: str) -> str:
        """Return who answers while the stable release cannot; empty while it can."""
        deployment = self._routed.get(name)
        if deployment is None or len(deployment.slots) < 2:
            return ""
        stable, *canaries = (self._addresses(name, slot) for slot in deployment.slots)
        if stable or not any(canaries):
            return ""
        if self._terms(deployment.stage).stable_outage == "canary":
            return "; no server of the stable release answers, and the canary gets its requests"
        return "; no server of the stable release answers, and its share of requests gets 503"

    def _is_ready(self, name: str) -> bool:
        keys = [key for key, _, _ in self._wanted_of(name)]
        return all(key in self._servers and self._servers[key].address for key in keys)


def _variant(slot: Slot) -> str:
    """Return a name for a slot with the settings of its servers, which a change replaces."""
    more = msgspec.json.encode([slot.env, slot.memory])
    return f"{slot.name} {zlib.crc32(more):08x}" if slot.env or slot.memory else slot.name
