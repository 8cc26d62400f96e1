"""What ordinary HTTP clients send, and what the gateway makes of it."""

import gzip
import json
import socket
from collections.abc import Iterator

import pytest

from goldenpath.deploy.reconcile.target import Apply
from tests.deploy.contract import deployment, release
from tests.deploy.machine.local import Machine, machine
from tests.serve.gateway.test_proxy import PATH, post, raw, told


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        found.target.perform(Apply(deployment(release(1))))
        found.settle()
        yield found


CLOSE = b"Connection: close\r\n"


def _head(answer: dict[str, object]) -> list[str]:
    head = answer["head"]
    assert isinstance(head, list)
    return head


def test_an_offer_to_upgrade_is_ignored_and_not_passed_on(here: Machine) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    one = post(offer + b"Content-Length: 2\r\n", b"{}")
    last = post(CLOSE + b"Upgrade: websocket\r\nContent-Length: 0\r\n", b"")

    answers = raw(here, one, last)

    assert answers.count(b"HTTP/1.1 200") == 2
    assert not [line for line in _head(told(answers)) if "upgrade" in line or "settings" in line]


def test_head_is_passed_on_and_answered_without_a_body(here: Machine) -> None:
    wanted = {PATH: b"200", b"/healthz": b"200", b"/nobody": b"404", b"/healthz?now": b"200"}
    for path, status in wanted.items():
        answer = raw(here, b"HEAD " + path + b" HTTP/1.1\r\nHost: h\r\n" + CLOSE + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        assert answer.endswith(b"\r\n\r\n") and b"content-length: 0\r\n" not in answer.lower()
    one = b"HEAD " + PATH + b" HTTP/1.1\r\nHost: h\r\n\r\n"
    kept = raw(here, one + post(CLOSE + b"Content-Length: 2\r\n", b"{}"))
    assert told(kept)["got"] == 2


@pytest.mark.parametrize(
    ("path", "behind"),
    [
        (PATH + b"?a=b%20c", "/v2/models/credit/infer?a=b%20c"),
        (b"/pr%6fd/cr%65dit/v2/models/cr%65dit/infer", "/v2/models/cr%65dit/infer"),
        (b"http://other:80" + PATH, "/v2/models/credit/infer"),
        (b"https://credit.prod.localhost/v2?x", "/v2?x"),
    ],
)
def test_queries_encoded_segments_and_absolute_targets_are_taken(
    here: Machine, path: bytes, behind: str
) -> None:
    answer = told(raw(here, post(CLOSE + b"Content-Length: 2\r\n", b"{}", path)))

    head = _head(answer)
    assert head[0].split(" ")[1] == behind.lower()
    hosts = [line for line in head if line.startswith("host:")]
    assert len(hosts) == 1
    if b"://" in path:
        assert hosts == ["host: " + path.decode().split("/")[2]]


@pytest.mark.parametrize(
    "path", [b"/pr%256fd/credit/v2", b"/prod%2Fcredit/v2/x", b"/%zz/credit/v2"]
)
def test_segments_are_decoded_once_and_never_become_two(here: Machine, path: bytes) -> None:
    assert raw(here, post(CLOSE + b"Content-Length: 0\r\n", b"", path)).startswith(b"HTTP/1.1 404")


def test_a_compressed_body_is_passed_on_with_its_encoding(here: Machine) -> None:
    body = gzip.compress(json.dumps({"a": 1}).encode())
    fields = CLOSE + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(body)

    answer = told(raw(here, post(fields, body)))

    assert answer["got"] == len(body)
    assert "content-encoding: gzip" in _head(answer)


@pytest.mark.parametrize("field", [b"Host", b"X-Goldenpath-Slot", b"X-Goldenpath-Subject"])
def test_connection_takes_away_nothing_that_decides(here: Machine, field: bytes) -> None:
    answer = raw(here, post(b"Connection: " + field + b"\r\nContent-Length: 0\r\n", b""))

    assert answer.startswith(b"HTTP/1.1 400")


def test_what_was_sent_before_the_client_stopped_sending_is_answered(here: Machine) -> None:
    host, port = here.target.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(post(b"Content-Length: 2\r\n", b"{}") * 3)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk

    assert received.count(b"HTTP/1.1 200") == 3
