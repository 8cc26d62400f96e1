"""A local target with real processes on ports and sockets of its own."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from goldenpath.deploy.machine.local_target import LocalTarget
from goldenpath.deploy.machine.routing import RouteChanged
from goldenpath.deploy.machine.server_launch import LocalSettings
from goldenpath.deploy.machine.server_process import ServerEvent
from goldenpath.deploy.reconcile.target import Target
from goldenpath.processes.launch import ReleaseTrust, ServingTerms

PATIENCE = 20.0
NO_TRUST = ReleaseTrust((), ())
NO_TERMS = ServingTerms()


@dataclass
class Machine:
    """The target, what it reported, and a client of its gateway."""

    target: LocalTarget
    happened: list[ServerEvent | RouteChanged] = field(default_factory=list)
    run: Path = Path()
    """Where sockets and what is published lie."""
    client: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=16, retries=False)
    )

    def until(self, condition: Callable[[], bool]) -> None:
        """Lets the target work until the condition holds."""
        give_up = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < give_up, self.target.observe()
            self.target.wait(0.05)
            self.target.observe()

    def settle(self) -> None:
        """Waits until the gateway is there and nothing is starting."""
        self.until(
            lambda: (
                bool(self.target.address)
                and all(running.phase != "starting" for running in self.target.observe().values())
            )
        )

    def ask(
        self, path: str = "/prod/credit/v2/models/credit/infer", body: bytes = b"{}", **headers: str
    ) -> tuple[int, dict[str, str], dict[str, object]]:
        """One request: status, headers, body."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        url = f"http://{self.target.address}{path}"
        got = self.client.request("POST", url, body=body, headers=named)
        return got.status, dict(got.headers), json.loads(got.data)

    def kinds(self) -> list[str]:
        """The kinds of what happened to servers."""
        return [each.kind for each in self.happened if isinstance(each, ServerEvent)]


@contextmanager
def machine(
    folder: Path,
    warm: int = 1,
    server: tuple[str, ...] = (sys.executable, str(Path(__file__).parent / "echo_server.py")),
    trust: ReleaseTrust = NO_TRUST,
    terms: ServingTerms = NO_TERMS,
) -> Iterator[Machine]:
    """A target that is closed afterwards, with everything it started."""
    settings = LocalSettings(
        run=folder / "run",
        store=folder / "registry",
        spool=folder / "spool",
        listen="127.0.0.1:0",
        environment={"PATH": os.environ["PATH"]},
        server=server,
        gateway=(sys.executable, "-m", "goldenpath.serve.gateway"),
        warm=warm,
    )
    happened: list[ServerEvent | RouteChanged] = []
    target = LocalTarget(
        settings, lambda deployment, digest: trust, happened.append, lambda stage: terms
    )
    found = Machine(target, happened, settings.run)
    try:
        yield found
    finally:
        found.client.clear()
        target.close()


def as_target(found: Machine) -> Target:
    """The machine as what it is for the loop above."""
    return found.target
