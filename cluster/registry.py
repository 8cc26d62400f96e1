"""A registry that nodes and pods reach by the same name: the machine's end of the pods' bridge."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cluster.addresses import answers, free_port
from cluster.certificates import server_certificate
from cluster.daemons import Daemons


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry that speaks TLS."""

    host: str
    """Address and port, as images are named by."""
    authority: Path
    """The certificate by which it is known."""


def start_registry(
    daemons: Daemons, folder: Path, *, debian: Path, address: str, now: datetime.datetime
) -> Registry:
    """Start an empty registry on the address."""
    certificate, key = server_certificate(address, now).write(folder / "registry-certificate")
    port = free_port()
    configuration = folder / "registry.yaml"
    configuration.write_text(
        f"""version: 0.1
log: {{accesslog: {{disabled: true}}, level: warn}}
storage:
  filesystem: {{rootdirectory: "{folder / "registry"}"}}
  delete: {{enabled: true}}
http:
  addr: "{address}:{port}"
  tls: {{certificate: "{certificate}", key: "{key}"}}
""",
        "utf-8",
    )
    command = [str(debian / "usr/bin/docker-registry"), "serve", str(configuration)]
    daemons.start("registry", command, lambda: answers(port, address))
    return Registry(f"{address}:{port}", certificate)
