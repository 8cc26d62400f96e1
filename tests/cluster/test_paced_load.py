"""Requests at a fixed rate against a server of this machine."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.governed.paced_load import PacedAnswers, TimedAnswer, paced_load
from cluster.walk.load import GatewayAddress


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        type(self).count += 1
        self.send_response(503 if type(self).count % 4 == 0 else 200)
        self.send_header("x-goldenpath-release", "sha256:one")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that refuses every fourth request."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_answers_are_counted_by_release_and_what_is_none_is_lost(port: int) -> None:
    enough = threading.Event()

    with paced_load(GatewayAddress(port, "host", "model"), b"{}", 400) as answers:
        while len(answers.since(0)) < 40:
            enough.wait(0.01)

    sent, lost = len(answers.since(0)), answers.lost()["status 503"]
    assert answers.releases() == {"sha256:one": sent - lost}
    assert lost == sent // 4


def test_a_server_that_is_away_loses_every_request() -> None:
    enough = threading.Event()

    with paced_load(GatewayAddress(1, "host", "model"), b"{}", 400) as answers:
        while len(answers.since(0)) < 20:
            enough.wait(0.01)

    assert answers.releases() == {}
    assert set(answers.lost()) == {"ConnectionRefusedError"}


def test_requests_of_before_a_time_are_left_out() -> None:
    answers = PacedAnswers()
    for at in (1.0, 2.0, 3.0):
        answers.add(TimedAnswer(at, "one"))

    assert [each.at for each in answers.since(2.0)] == [2.0, 3.0]
