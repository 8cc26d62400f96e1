"""A real `mlflow server` on this machine, with SQLite behind it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest
import urllib3

from tests.release.catalogue.tables import copy_empty_catalogue

_BUILD = Path(__file__).parents[3] / "build"
_PLACES = (_BUILD / "peers" / "mlflow" / "bin" / "mlflow", _BUILD / "tools" / "bin" / "mlflow")
OURS = version("mlflow-skinny")
PATIENCE = 90.0
"""Seconds until the server answers; a new database needs 68 migrations."""


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Yield its address; skips with a reason if the server of MLflow is not installed."""
    program = next((each for each in _PLACES if each.is_file()), None)
    if program is None:
        pytest.skip("NOT TRIED with an MLflow server: absent, scripts/fetch-clients brings it")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(program), "server", "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    if any(program.resolve().parents[1].glob(f"lib/*/site-packages/mlflow-{OURS}.dist-info")):
        # A server of our version has the same tables; it would make them in 68 migrations.
        copy_empty_catalogue(folder / "server.db")
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--default-artifact-root", str(folder / "artifacts")], cwd=folder,
            env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _await(f"http://127.0.0.1:{port}/health", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _await(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            if urllib3.request("GET", address, retries=False, timeout=5).status == 200:
                return
        except urllib3.exceptions.HTTPError:
            time.sleep(0.2)
        assert server.poll() is None and time.monotonic() < give_up, log.read_text()
