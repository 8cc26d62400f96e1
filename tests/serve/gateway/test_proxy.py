"""The gateway as clients meet it: a real process, raw bytes over loopback."""

import json
import random
import re
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldenpath.deploy.reconcile.target import Apply
from goldenpath.serve.gateway.refusals import read_refusals
from tests.deploy.contract import deployment, release
from tests.deploy.machine.local import Machine, machine
from tests.serve.server.test_fuzz_process import HTTP_TOKENS, mutated

PATH = b"/prod/credit/v2/models/credit/infer"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        found.target.perform(Apply(deployment(release(1, 80), release(2, 20))))
        found.settle()
        yield found


def raw(here: Machine, *sent: bytes) -> bytes:
    """What comes back for these bytes until the gateway closes the connection."""
    host, port = here.target.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        for each in sent:
            connection.sendall(each)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    return received


def post(headers: bytes, body: bytes, path: bytes = PATH) -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: h\r\n" + headers + b"\r\n" + body


def told(answer: bytes) -> dict[str, object]:
    """The JSON body of the last answer."""
    value = json.loads(answer.rpartition(b"\r\n\r\n")[2])
    assert isinstance(value, dict)
    return value


def test_weights_are_kept(here: Machine) -> None:
    counts = Counter(here.ask()[1]["x-goldenpath-slot"] for _ in range(100))

    assert abs(counts[release(2).name] - 20) <= 2


def test_connections_to_servers_are_kept(here: Machine) -> None:
    name = release(1).name
    counts = {here.ask(x_goldenpath_slot=name)[2]["connections"] for _ in range(20)}

    assert len(counts) == 1


def test_a_subject_stays_with_its_slot(here: Machine) -> None:
    for subject in ("17", "18", "19", "20"):
        asked = [here.ask(x_goldenpath_subject=subject)[1] for _ in range(5)]
        assert len({headers["x-goldenpath-slot"] for headers in asked}) == 1


def test_a_header_forces_the_slot_and_an_unknown_one_is_not_found(here: Machine) -> None:
    name = release(2).name

    assert {here.ask(x_goldenpath_slot=name)[2]["slot"] for _ in range(10)} == {name}
    assert here.ask(x_goldenpath_slot="r99")[0] == 404


def test_the_prefix_is_stripped_and_the_server_gets_an_id_of_the_gateways(here: Machine) -> None:
    head = here.ask(x_goldenpath_prediction_id="mine")[2]["head"]

    assert isinstance(head, list)
    assert head[0] == "post /v2/models/credit/infer http/1.1"
    ids = [line for line in head if line.startswith("x-goldenpath-prediction-id:")]
    assert len(ids) == 1 and "mine" not in ids[0]


def test_the_host_names_a_model_too(here: Machine) -> None:
    request = b"GET /v2 HTTP/1.1\r\nHost: credit.prod.localhost:1\r\nConnection: close\r\n\r\n"

    assert told(raw(here, request))["slot"]


def test_what_is_not_served_is_not_found_and_methods_are_few(here: Machine) -> None:
    assert here.ask("/prod/nobody/v2/models/nobody/infer")[0] == 404
    assert (
        raw(here, b"DELETE " + PATH + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")[:12]
        == b"HTTP/1.1 405"
    )


def test_chunked_bodies_arrive_whole_with_a_length(here: Machine) -> None:
    headers = b"Transfer-Encoding: chunked\r\nConnection: close\r\nX-Kept: yes\r\n"

    answer = told(raw(here, post(headers, b"3\r\nabc\r\n"), b"4\r\ndefg\r\n0\r\n\r\n"))

    head = answer["head"]
    assert answer["got"] == 7
    assert isinstance(head, list)
    assert "x-kept: yes" in head
    assert not [line for line in head if line.startswith(("transfer-encoding", "connection"))]


def test_headers_that_connection_names_are_not_forwarded(here: Machine) -> None:
    headers = b"Connection: close, X-Private\r\nX-Private: 1\r\nContent-Length: 0\r\n"

    assert b"x-private" not in raw(here, post(headers, b""))


def test_requests_in_one_packet_are_answered_in_order(here: Machine) -> None:
    many = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n" * 2000
    last = post(b"Content-Length: 2\r\nConnection: close\r\n", b"{}")

    answers = raw(here, many + last)

    assert answers.count(b"HTTP/1.1 200") == 2001
    assert told(answers)["got"] == 2


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), 400),
        (post(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n"), 400),
        (post(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"ab"), 400),
        (post(b"Content-Length: +1\r\n", b"a"), 400),
        (post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 501),
        (post(b"Expect: gold\r\nContent-Length: 1\r\n", b"a"), 417),
        (post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"), 400),
        (post(b"Host: other\r\nContent-Length: 0\r\n", b""), 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: h\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n folded\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (post(b"Content-Length: 99999999\r\n", b""), 413),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40_000, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: a\r\n" * 101, 431),
    ],
)
def test_what_two_parsers_could_read_differently_is_refused(
    here: Machine, request_bytes: bytes, status: int
) -> None:
    answer = raw(here, request_bytes)

    assert answer.startswith(b"HTTP/1.1 %d" % status), answer
    assert answer.count(b"HTTP/1.1") == 1
    assert told(answer)["error"]


def refused(here: Machine) -> Counter[tuple[str, str, int]]:
    """How often the gateway refused each, by model, method and status, as it is published."""
    found = read_refusals(here.run / "refusals.json")
    return Counter({(x.deployment, x.method, x.status): sum(x.buckets) for x in found})


def test_what_the_gateway_answers_itself_is_counted_and_published(here: Machine) -> None:
    here.ask()
    before = refused(here)
    here.ask(x_goldenpath_slot="r99")
    here.ask("/prod/nobody/v2/models/nobody/infer")
    raw(here, b"BREW " + PATH + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    raw(here, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 40_000)
    raw(here, post(b"Content-Length: 99999999\r\n", b""))

    wanted = Counter({
        ("prod/credit", "POST", 404): 1,
        ("", "POST", 404): 1,
        ("", "_OTHER", 431): 1,
        ("", "_OTHER", 413): 1,
    })  # fmt: skip
    here.until(
        lambda: all((refused(here) - before)[key] >= number for key, number in wanted.items())
    )


def test_a_chunked_body_is_bounded(here: Machine) -> None:
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"

    answer = raw(here, post(b"Transfer-Encoding: chunked\r\n", b""), *[chunk] * 17)

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_in_the_smallest_chunks_takes_no_more_than_its_bytes(here: Machine) -> None:
    memory = Path(f"/proc/{here.target.gateway_process()}/status")
    headers = b"Transfer-Encoding: chunked\r\nConnection: close\r\n"
    before = int(memory.read_text().partition("VmHWM:")[2].split()[0])

    answer = raw(here, post(headers, b"2\r\nab\r\n" * 1_000_000), b"0\r\n\r\n")

    assert told(answer)["got"] == 2_000_000
    assert int(memory.read_text().partition("VmHWM:")[2].split()[0]) - before < 24 * 1024


def test_wrong_streams_neither_break_the_gateway_nor_make_it_grow(here: Machine) -> None:
    memory = Path(f"/proc/{here.target.gateway_process()}/status")
    source = random.Random(5)  # noqa: S311 - spoils requests, no secret
    valid = post(b"Content-Length: 2\r\nX-Long: " + b"a" * 200 + b"\r\n", b"{}")

    def resident() -> int:
        return int(memory.read_text().partition("VmRSS:")[2].split()[0]) // 1024

    def send(content: bytes) -> bytes:
        host, port = here.target.address.split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(content)
            # Who ends before the answer is there hears none, as from other proxies.
            select.select([connection], [], [], 0.01)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := connection.recv(1 << 16):
                received += chunk
        return received

    for _ in range(100):
        send(mutated(source, valid, HTTP_TOKENS))
    before, statuses = resident(), Counter[bytes]()
    for _ in range(600):
        statuses.update(
            re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", send(mutated(source, valid, HTTP_TOKENS)))
        )

    # 501 is the answer to another transfer coding; no server ever closed a connection over these.
    assert not [status for status in statuses if status >= b"500" and status != b"501"], statuses
    assert statuses[b"400"] > 200 and statuses[b"200"] > 10
    assert resident() - before < 16
    assert here.ask()[0] == 200


def test_nothing_after_a_bad_request_is_read(here: Machine) -> None:
    bad = post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n")
    smuggled = post(b"Content-Length: 0\r\n", b"", b"/prod/credit/v2/admin")

    assert raw(here, bad + smuggled).count(b"HTTP/1.1") == 1


def test_plain_and_odd_requests_follow_one_another_on_one_connection(here: Machine) -> None:
    plain = post(b"Content-Length: 2\r\n", b"ab")
    odd = post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n")
    last = post(b"Content-Length: 4\r\nConnection: close\r\n", b"abcd")

    answers = raw(here, plain + plain + odd + plain + last)

    assert [json.loads(each)["got"] for each in re.findall(rb"{.*}", answers)] == [2, 2, 3, 2, 4]


def test_a_request_in_small_pieces_is_read_like_one_in_one_piece(here: Machine) -> None:
    whole = post(b"Content-Length: 2\r\nConnection: close\r\n", b"ab")

    answer = raw(here, *(whole[place : place + 1] for place in range(len(whole))))

    assert told(answer)["got"] == 2


def test_who_waits_for_a_word_before_the_body_gets_it(here: Machine) -> None:
    head = post(b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n", b"")
    host, port = here.target.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")

        assert told(connection.recv(1 << 16))["got"] == 2


def test_a_client_does_not_mark_its_requests(here: Machine) -> None:
    slot = release(1).name
    heads = [
        here.ask(x_goldenpath_shadow="1", x_goldenpath_slot=slot)[2]["head"],
        here.ask(x_goldenpath_canary="1", x_goldenpath_slot=slot)[2]["head"],
    ]
    both = b"X-Goldenpath-Canary: 1\r\nX-Goldenpath-Shadow: 1\r\n"
    mine = b"X-Goldenpath-Slot: " + slot.encode() + b"\r\nConnection: close\r\n"
    heads.append(told(raw(here, post(both + mine + b"Content-Length: 2\r\n", b"{}")))["head"])

    for head in heads:
        assert isinstance(head, list)
        assert not [line for line in head if "shadow" in line or "canary" in line]


def test_a_server_is_told_that_its_release_is_being_tried(here: Machine) -> None:
    for number, expected in ((1, 0), (2, 1)):
        head = here.ask(x_goldenpath_slot=release(number).name)[2]["head"]
        assert isinstance(head, list)
        assert head.count("x-goldenpath-canary: 1") == expected


MANY = 48 * 1024 * 1024


def test_large_bodies_pass_both_ways_in_little_memory(here: Machine) -> None:
    memory = Path(f"/proc/{here.target.gateway_process()}/status")

    def peak() -> int:
        return int(memory.read_text().partition("VmHWM:")[2].split()[0]) * 1024

    before = peak()
    assert here.ask(body=bytes(MANY))[2]["got"] == MANY
    host, port = here.target.address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(post(b"Content-Length: 14\r\n", b"large %d" % MANY))
        time.sleep(0.2)  # a client that is slow to read: the server has to wait, not the memory
        received = 0
        while received < MANY:
            received += len(connection.recv(1 << 20))

    assert received > MANY
    assert peak() - before < 8 * 1024 * 1024
    assert here.ask()[0] == 200


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(here: Machine) -> None:
    body = b"break off %d" % (MANY // 8)

    answer = raw(here, post(b"Content-Length: %d\r\n" % len(body), body))

    assert answer.startswith(b"HTTP/1.1 200")
    assert len(answer) < MANY // 8


def test_who_is_answered_before_all_is_sent_gets_that_answer_and_no_other(here: Machine) -> None:
    head = post(b"X-Early: 1\r\nContent-Length: %d\r\n" % MANY, b"")

    answer = raw(here, head + bytes(64 * 1024))

    assert answer.startswith(b"HTTP/1.1 413")
    assert answer.count(b"HTTP/1.1") == 1


def test_a_request_that_kills_servers_is_repeated_once_then_answered_with_502(
    tmp_path: Path,
) -> None:
    with machine(tmp_path) as here:
        here.target.perform(Apply(deployment(release(1, replicas=3))))
        here.settle()
        servers = set(here.target.servers())

        status, _, body = here.ask(body=b"exit now")

        here.until(lambda: len(servers - set(here.target.servers())) == 2)
        assert status == 502
        assert body["error"]
        here.until(lambda: refused(here)["prod/credit", "POST", 502] == 1)
        assert here.ask()[0] == 200


def test_a_stopped_model_says_so(tmp_path: Path) -> None:
    with machine(tmp_path) as here:
        here.target.perform(Apply(deployment(stopped=True)))
        here.settle()

        status, _, body = here.ask()

        assert status == 503
        assert "stopped" in str(body["error"])
        here.until(lambda: refused(here)["prod/credit", "POST", 503] == 1)
