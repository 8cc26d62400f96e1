"""How the model servers of this machine are started: where, with what, and under which trust."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.deploy.machine.server_process import ServerChild, ServerProcess
from goldenpath.deploy.machine.shared_processes import SharedProcesses
from goldenpath.deploy.machine.tenure import LONGEST_SOCKET
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.http.listener_settings import ListenerSettings
from goldenpath.processes.child import Child
from goldenpath.processes.launch import (
    CodeSettings,
    ReleaseSource,
    ReleaseTrust,
    ServerConfiguration,
    ServingTerms,
)
from goldenpath.promote.manifests.desired import Deployment, Slot


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Paths, addresses and commands of the local target."""

    run: Path
    store: Path
    spool: Path
    listen: str
    environment: Mapping[str, str]
    server: tuple[str, ...]
    gateway: tuple[str, ...]
    listener_settings: ListenerSettings = field(default_factory=ListenerSettings)
    inner: str = ""
    """Path of the socket on which the gRPC listener reaches the gateway; empty if there is none."""
    caller_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    """Secret with which the gateway vouches for caller names towards the servers."""
    uv: str = "uv"
    """The `uv` program, which builds environments of `python` models."""
    handover: str = ""
    """Path of the socket on which the gateway hands its listener to the next one; empty: none."""
    shared_server: tuple[str, ...] = ()
    """Command of a process that holds several servers."""
    most_shared: int = 1
    """Number of releases that may share a process; with 1, none do."""
    warm: int = 1
    """Number of replaced releases whose servers stay warm, without traffic; with 0, none does."""


class ServerLauncher:
    """Makes the servers of this machine."""

    def __init__(
        self,
        settings: LocalSettings,
        trust: Callable[[Deployment, Digest], ReleaseTrust],
        terms: Callable[[str], ServingTerms],
    ) -> None:
        """`trust` returns that of a release in a deployment, `terms` those of a stage."""
        self._settings = settings
        self._trust = trust
        self._terms = terms
        self.shared = SharedProcesses(
            settings.shared_server,
            settings.environment,
            settings.run / "logs",
            most=settings.most_shared,
        )

    def server(self, deployment: Deployment, slot: Slot) -> ServerProcess:
        """Return the server of one replica of a slot, not started yet."""

        def prepare() -> ServerConfiguration:
            settings = self._settings
            replica = f"{slot.name}-{secrets.token_hex(6)}"
            socket = settings.run / "sockets" / f"{replica}.sock"
            # The kernel limits the path of a socket. A port on loopback works at any path, and asks
            # for the same secrets.
            short = len(str(socket)) <= LONGEST_SOCKET
            return ServerConfiguration(
                stage=deployment.stage,
                model=deployment.model,
                slot=slot.name,
                digest=str(slot.digest),
                replica=replica,
                source=ReleaseSource(str(settings.store)),
                trust=self._trust(deployment, slot.digest),
                listen=f"unix:{socket}" if short else "127.0.0.1:0",
                # TLS ends at the gateway. The tokens are checked by the servers.
                listener_settings=ListenerSettings(access=settings.listener_settings.access),
                spool=str(settings.spool),
                code=CodeSettings(
                    scratch=str(settings.run / "contents"),
                    uv=settings.uv,
                    search=settings.environment.get("PATH", ""),
                ),
                caller_secret=settings.caller_secret,
                on_loss=self._terms(deployment.stage).on_loss,
            )

        def start(launch: ServerConfiguration) -> ServerChild:
            self._make_socket_folder()
            # Variables and a limit of memory are those of a whole process.
            if slot.env or slot.memory:
                return start_alone(launch)
            return self.shared.start(launch, lambda: start_alone(launch))

        def start_alone(launch: ServerConfiguration) -> Child:
            log = self._settings.run / "logs" / f"{launch.stage}-{launch.model}-{launch.slot}.log"
            name = f"server {launch.replica}"
            # `slot.env` holds only names of the allow list; see `inference_manifest`.
            environment = {**self._settings.environment, **dict(slot.env)}
            return Child(name, self._settings.server, environment, log)

        return ServerProcess(prepare, start, slot.memory)

    def _make_socket_folder(self) -> None:
        """Make the folder of the sockets. Raises `Unavailable`."""
        folder = self._settings.run / "sockets"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{folder} cannot be made: {error.strerror}") from error
