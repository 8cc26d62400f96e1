"""Starts registries of other projects on a free port; a test without its program is skipped."""

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.programs import program

_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Host and port of a docker-registry that keeps its data in `folder`: no referrers API."""
    name, port = program("docker-registry"), _free_port()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(root=folder / "data", port=port))
    with _serving(folder, f"127.0.0.1:{port}", name, "serve", config) as host:
        yield host


@contextmanager
def referrers_registry(folder: Path) -> Iterator[str]:
    """Host and port of go-containerregistry's registry, in memory, with the referrers API."""
    name, host = program("registry"), f"127.0.0.1:{_free_port()}"
    with _serving(folder, host, name, host):
        yield host


@contextmanager
def _serving(folder: Path, host: str, *command: str | Path) -> Iterator[str]:
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://{host}/v2/", server)
        yield host
    finally:
        server.terminate()
        server.wait(10)


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            pytest.fail("the registry ended by itself")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the registry did not answer")
