"""The dashboards on a real Prometheus: each query is run there, and has data to show."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from socket import socket

import pytest
import urllib3

from goldenpath.observe.monitoring_files import monitoring_files
from tests.observe.exporting import exporting
from tests.programs import program

_PATIENCE = 60.0
VARIABLES = {"$model": ".+", "$stage": ".+"}


def queries() -> list[tuple[str, str]]:
    """Each query of each panel, with the variables of the board filled in."""
    found = []
    for name, content in sorted(monitoring_files("dashboards").items()):
        for panel in json.loads(content)["panels"]:
            for target in panel["targets"]:
                expression = target["expr"]
                for variable, value in VARIABLES.items():
                    expression = expression.replace(variable, value)
                found.append((f"{name}: {panel['title']}", expression))
    return found


class RealPrometheus:
    """A running Prometheus that scrapes one page."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, expression: str) -> list[object]:
        """What it answers; a query that it refuses fails the test."""
        answer = urllib3.request(
            "GET", f"{self.address}/api/v1/query", fields={"query": expression}
        ).json()
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        result: list[object] = answer["data"]["result"]
        return result


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    path = program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with exporting(folder / "home") as page:
        settings = {
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [
                {"job_name": "models", "static_configs": [{"targets": [page.address]}]}
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(settings))
        words = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen([str(path), *words], stdout=log, stderr=log) as process,
        ):
            server = RealPrometheus(f"http://127.0.0.1:{port}")
            try:
                _await_samples(server, process, folder / "log")
                yield server
            finally:
                process.terminate()


def _await_samples(server: RealPrometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until it has scraped the page twice, since a rate needs two samples."""
    give_up = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up:
        assert process.poll() is None, log.read_text()
        try:
            if server.ask("rate(ml_predictions_total[5m])"):
                return
        except urllib3.exceptions.HTTPError:
            pass  # it does not listen yet
        time.sleep(0.2)
    pytest.fail(f"Prometheus scraped nothing: {log.read_text()[-2000:]}")


@pytest.mark.interop
def test_every_query_of_every_dashboard_has_data(prometheus: RealPrometheus) -> None:
    empty = {place for place, query in queries() if not prometheus.ask(query)}

    assert empty == set()
    assert len(queries()) > 50


@pytest.mark.interop
def test_a_query_of_a_series_that_nobody_exports_has_none(prometheus: RealPrometheus) -> None:
    assert prometheus.ask("sum by (le) (rate(ml_no_such_series_total[5m]))") == []
