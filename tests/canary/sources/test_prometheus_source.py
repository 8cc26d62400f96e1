"""Prometheus as a source of the judge: a real one, and a fake one that answers wrongly."""

import dataclasses
import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import numpy as np
import pytest
import urllib3

from goldenpath.canary.judge import judge_once
from goldenpath.canary.sources.prometheus_source import Prometheus
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.http.access import load_access
from goldenpath.http.tls import server_context
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.scraping import MetricsPage
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.project.spec import Feature
from goldenpath.promote.manifests.desired import Rollout
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.serve.record.spool_format import SpoolHeader
from tests.observe.spooling import CONTRACT, FACTS, START, answer, draw
from tests.programs import program
from tests.promote.road import MODEL, Road
from tests.serve.tokens import Authority, access_file

ONE, TWO = Digest("sha256:" + "1" * 64), Digest("sha256:" + "2" * 64)
T = datetime(2026, 11, 23, 9, tzinfo=UTC)
PLAN = Rollout((10, 50, 100), {"requests": 500.0}, "auto")


_INCOME = Feature("income", "number", slices=(100.0,))
SLICED = Facts(
    dataclasses.replace(CONTRACT, features=(_INCOME, *CONTRACT.features[1:])), FACTS.profile
)


class Serving:
    """Replicas of releases; when the observer restarts, all counters begin at 0."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.restart()

    def restart(self) -> None:
        self._number += 1
        files = TelemetryFiles(self._folder / str(self._number))
        self.telemetry = Telemetry(files, None, lambda digest: SLICED, started=T, share=0.0)

    def page(self, openmetrics: bool) -> bytes:
        return self.telemetry.page(openmetrics)

    def answer(self, release: Digest, rows: int, *, declined: int = 0, failed: int = 0) -> None:
        """Answers one request of one row each; some are declined, whatever the model thinks."""
        features = [feature.name for feature in CONTRACT.features]
        header = SpoolHeader(
            1, "dev", MODEL, "stable", release.text, f"r{release.text[7]}", features, START, 0
        )
        one = answer(0, draw(1, 1))
        scores = [np.float32(0.9 if row < declined else 0.1) for row in range(rows)]
        answered = [msgspec.structs.replace(one, scores=score.tobytes()) for score in scores]
        answered += [answer(0, draw(0, 1), status=503, refusal="not ready")] * failed
        self.telemetry.add(Block.of(header, answered))


@contextmanager
def real(folder: Path, page: MetricsPage, **how: object) -> Iterator[str]:
    """A Prometheus that scrapes the page ten times a second, as its job says; its address."""
    binary = program("prometheus")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    job = {"job_name": "models", "static_configs": [{"targets": [page.address]}], **how}
    every = {"scrape_interval": "100ms", "scrape_timeout": "100ms"}
    (folder / "prometheus.yml").write_text(json.dumps({"global": every, "scrape_configs": [job]}))
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(
            [
                str(binary), f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}",
            ],
            stderr=log, stdout=log,
        )  # fmt: skip
    try:
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait()


def until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.1)


def asked(address: str, query: str) -> float:
    """The one number that a query finds; -1 without one."""
    try:
        found = urllib3.request(
            "GET", f"{address}/api/v1/query", fields={"query": query}, retries=False
        )
    except urllib3.exceptions.HTTPError:
        return -1
    result = found.json()["data"]["result"] if found.status == 200 else []
    return float(result[0]["value"][1]) if result else -1


@pytest.mark.interop
def test_a_real_prometheus_reads_over_tls_with_certificate_and_token(tmp_path: Path) -> None:
    authority, serving = Authority(tmp_path), Serving(tmp_path / "serving")
    ours, client = authority.issue("observer"), authority.issue("prometheus")
    access = load_access(access_file(tmp_path, reader=["metrics"]), pytest.fail)
    tls = server_context(ours.certificate, ours.key, authority.path)
    page = MetricsPage("127.0.0.1:0", serving.page, access, tls)
    trusting = {
        "ca_file": str(authority.path),
        "cert_file": str(client.certificate),
        "key_file": str(client.key),
    }
    serving.answer(ONE, 7)
    try:
        token = {"credentials": "reader"}
        with real(
            tmp_path, page, scheme="https", tls_config=trusting, authorization=token
        ) as address:
            until(lambda: asked(address, "sum(ml_prediction_outcome_total)") == 7)
            assert asked(address, 'up{job="models"}') == 1
    finally:
        page.close()


@pytest.mark.interop
def test_a_real_prometheus_decides_by_what_it_read_from_our_page(tmp_path: Path) -> None:
    road, serving = Road(tmp_path / "road", datetime.now(UTC)), Serving(tmp_path / "serving")
    stable, canary = road.release(b"one"), road.release(b"two")
    promote(road.desk("platform-engineer"), stable, "dev")
    page = MetricsPage("127.0.0.1:0", serving.page)
    total = "sum(ml_prediction_outcome_total)"
    try:
        serving.answer(stable, 700, declined=700)  # before the step: not to be counted
        with real(tmp_path, page) as address:
            until(lambda: asked(address, total) == 700)
            time.sleep(1.1)  # commits know seconds
            road.now = datetime.now(UTC)
            promote(road.desk("platform-engineer"), canary, "dev", rollout=PLAN)
            since, source = road.now.replace(microsecond=0), Prometheus(address)
            time.sleep(0.3)
            serving.answer(stable, 900, declined=270, failed=2)
            serving.answer(canary, 300, declined=90)
            until(lambda: asked(address, total) == 1900)

            serving.restart()  # every counter begins anew
            serving.answer(stable, 500, declined=150)
            serving.answer(canary, 280, declined=84, failed=1)
            until(lambda: asked(address, total) == 780)
            one, two = source.arms("dev", MODEL, (stable, canary), since, until=datetime.now(UTC))
            assert (one.requests, one.failed, two.requests, two.failed) == (1402, 2, 581, 1)
            assert one.answers["outcome decline"] == (420, 1400)
            assert two.answers["outcome decline"] == (174, 580)
            side = "below 100" if draw(1, 1)[0, 0] < 100 else "100 and above"
            assert one.answers[f"decline where income = {side}"] == (420, 1400)
            assert len([name for name in two.answers if "where income" in name]) == 6
            assert (one.slower[0.005], two.slower[10.0]) == (0, 0)

            road.now = datetime.now(UTC)
            held = judge_once(road.machine(), source, MODEL, "dev")
            assert held is not None and held.verdict.action == "hold", held
            assert held.commit == next(road.repository.history()).id

            serving.answer(canary, 1500, declined=1300)
            until(lambda: asked(address, total) == 2280)
            road.now = datetime.now(UTC)
            done = judge_once(road.machine(), source, MODEL, "dev")
            assert done is not None and done.verdict.action == "roll back"
            last = next(road.repository.history())
            assert last.subject.startswith(f"dev: rollback {MODEL}")
            assert any("outcome decline" in each for each in last.trailers["Judged"])
            assert judge_once(road.machine(), source, MODEL, "dev") is None
    finally:
        page.close()


class Fake:
    """Answers every query as `reply` says: status and body by the query and its time."""

    def __init__(self, reply: Callable[[str, float], tuple[int, bytes]]) -> None:
        self.authorization = set[str]()
        fake = self

        class Request(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.authorization.add(self.headers.get("authorization", ""))
                query = parse_qs(urlsplit(self.path).query)
                status, body = reply(query["query"][0], float(query["time"][0]))
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Says nothing."""

        class Server(HTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """Who went away before the end of an answer is no fault here."""

        self._server = Server(("127.0.0.1", 0), Request)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def success(result: object, **more: object) -> tuple[int, bytes]:
    data = {"resultType": "matrix", "result": result}
    return 200, json.dumps({"status": "success", "data": data, **more}).encode()


UP = success([{"metric": {}, "value": [1, "1"]}])


def series(values: list[tuple[float, str]], release: Digest = ONE, **labels: str) -> object:
    name = "ml_prediction_outcome_total"
    own = {"__name__": name, "oci_manifest_digest": release.text, "service_instance_id": "a"}
    return {"metric": {**own, "ml_prediction_outcome": "accept", **labels}, "values": values}


@contextmanager
def answering(reply: Callable[[str, float], tuple[int, bytes]]) -> Iterator[Fake]:
    fake = Fake(reply)
    try:
        yield fake
    finally:
        fake.close()


def accepted(values: list[tuple[float, str]], *others: object, hours: float = 1) -> int:
    """How many answers of a release are counted from such samples."""
    found = [series(values), *others]
    with answering(lambda query, _: UP if query.startswith("count(") else success(found)) as fake:
        source = Prometheus(fake.address)
        (arm,) = source.arms("prod", "credit", (ONE,), T, until=T + timedelta(hours=hours))
    return arm.answers["outcome accept"][0]


def test_counts_are_exact_over_pieces_restarts_and_two_scrapers() -> None:
    t = T.timestamp()
    before, grown = (t - 60, "100"), [(t + 60, "130"), (t + 120, "5"), (t + 180, "9")]
    assert accepted([before, *grown]) == 39
    assert accepted([before, *grown], hours=5) == 39  # each piece brings the same samples
    assert accepted(grown) == 139  # a replica that was not there when the step began
    assert accepted([before, *grown], series(grown[1:], job="second")) == 39
    assert accepted([before, *grown], series(grown[1:], service_instance_id="b")) == 48
    assert accepted([before, *grown], series(grown, release=TWO)) == 39


WRONG = {
    "nothing was scraped": lambda query, _: success([]),
    "does not answer in JSON": lambda query, _: (200, b"<html>"),
    "an answer of an unknown form": lambda query, _: success([{"metric": 3}]),
    "gave a partial answer": lambda query, _: success([], warnings=["a store is away"]),
    "gives no answer": lambda query, _: (503, b"{}"),
    "refuses /api/v1/query with 422": lambda query, _: (422, b'{"error":"too many samples"}'),
    "refuses /api/v1/query with 302": lambda query, _: (302, b""),
    "refuses the token": lambda query, _: (401, b""),
    "more than 4194304 bytes": lambda query, _: (200, b" " * 4_194_305),
    "a counter at 'NaN'": lambda query, _: (
        UP if query.startswith("count(") else success([series([(T.timestamp() + 1, "NaN")])])
    ),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_source_that_cannot_tell_gives_no_verdict(words: str) -> None:
    expected = words.replace("nothing was scraped", "scraped nothing")
    with (
        answering(WRONG[words]) as fake,
        pytest.raises((Unavailable, InvalidInput), match=expected),
    ):
        Prometheus(fake.address, "secret-token").arms(
            "prod", "credit", (ONE, TWO), T, until=T + timedelta(minutes=5)
        )
    assert fake.authorization == {"Bearer secret-token"}


def test_without_counts_the_canary_stays_and_nothing_is_committed(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.promote(road.release(b"one"), "dev")
    promote(road.desk("platform-engineer"), road.release(b"two"), "dev", rollout=PLAN)
    head = road.repository.fetch()

    with pytest.raises(Unavailable, match=r"no verdict on dev/.*stays at 10 percent"):
        judge_once(road.machine(), Prometheus("http://127.0.0.1:1"), MODEL, "dev")
    with answering(lambda query, _: UP if query.startswith("count(") else success([])) as fake:
        found = judge_once(road.machine(), Prometheus(fake.address), MODEL, "dev")
    assert found is not None and found.verdict.action == "hold" and not found.commit
    assert road.repository.fetch() == head

    road.pass_time(days=20)
    with pytest.raises(Unavailable, match="began 20 days ago"):
        judge_once(road.machine(), Prometheus("http://127.0.0.1:1"), MODEL, "dev")
