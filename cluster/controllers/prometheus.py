"""Prometheus: it reads the counters of pods of models, as our PodMonitor says.

Debian builds it without the part that asks Kubernetes, so the walk tells it the pods.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cluster.addresses import answers, free_port
from cluster.daemons import Daemons
from goldenpath.files import write_whole
from goldenpath.http.json_client import Rest

NAME = "prometheus"
_TARGETS = "targets.json"
_PORT = 9090
"""Where the observer of each pod has its metrics."""


class _Sample(msgspec.Struct):
    value: tuple[float, str]


class _Found(msgspec.Struct):
    result: list[_Sample]


class _Answer(msgspec.Struct):
    data: _Found


@dataclass(frozen=True, slots=True)
class ScrapingPrometheus:
    """A running Prometheus, at an address that pods reach."""

    address: str
    folder: Path

    def follow(self, pods: Iterable[str]) -> None:
        """Scrape the pods with these addresses from now on."""
        listed = [{"targets": [f"{pod}:{_PORT}" for pod in pods]}]
        write_whole(self.folder / _TARGETS, json.dumps(listed).encode())

    def ask(self, query: str) -> float:
        """Return the one number of a query; 0 without one."""
        answer = msgspec.convert(
            Rest(self.address, NAME, {}).get("/api/v1/query", query=query), _Answer
        )
        return float(answer.data.result[0].value[1]) if answer.data.result else 0.0


def start_prometheus(
    daemons: Daemons, folder: Path, *, debian: Path, address: str
) -> ScrapingPrometheus:
    """Start it on the address."""
    home = folder / NAME
    home.mkdir(parents=True)
    job = {
        "job_name": "models",
        "honor_labels": True,
        "file_sd_configs": [{"files": [str(home / _TARGETS)], "refresh_interval": "1s"}],
    }
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}
    (home / "prometheus.json").write_text(json.dumps(settings), "utf-8")
    port = free_port()
    command = [
        *(str(debian / "usr/bin/prometheus"), f"--config.file={home / 'prometheus.json'}"),
        *(f"--storage.tsdb.path={home / 'data'}", f"--web.listen-address={address}:{port}"),
    ]
    daemons.start(NAME, command, lambda: answers(port, address))
    return ScrapingPrometheus(f"http://{address}:{port}", home)
