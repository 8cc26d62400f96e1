"""The gateway as its supervisor meets it: launched, told routes, drained, and never guessing."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from goldenpath.processes.launch import GatewayLaunch, Route, Routes, RouteSlot
from goldenpath.serve.gateway.dispatch import MAX_ASKED_AGAIN

PATIENCE = 30.0
PATH = b"/prod/credit/v2/models/credit/infer"


@dataclass
class Upstream:
    """A model server of the test: it sees raw bytes, and answers what it is told to."""

    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    hold: threading.Event = field(default_factory=threading.Event)
    """Nothing is answered before this is set."""
    seen: list[bytes] = field(default_factory=list)
    address: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        """Takes connections until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            received = b""
            while chunk := connection.recv(1 << 16):
                received += chunk
                while (end := received.find(b"\r\n\r\n")) >= 0:
                    length = _length(received[:end])
                    if len(received) < end + 4 + length:
                        break
                    self.seen.append(received[: end + 4 + length])
                    received = received[end + 4 + length :]
                    self.arrived.set()
                    self.hold.wait(PATIENCE)
                    connection.sendall(self.answer)
                    if b"connection: close" in self.answer:
                        return


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


@contextmanager
def upstream(*, answers: bool = True) -> Iterator[Upstream]:
    """A model server on a port of its own."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        found = Upstream(address=f"127.0.0.1:{listener.getsockname()[1]}")
        if answers:
            found.hold.set()
        threading.Thread(target=found.serve, args=(listener,), daemon=True).start()
        yield found
        found.hold.set()
        listener.shutdown(socket.SHUT_RDWR)


class Gateway:
    """One process of the gateway, and what it told its supervisor."""

    def __init__(self, launch: GatewayLaunch | bytes) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "goldenpath.serve.gateway"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.say(launch if isinstance(launch, bytes) else msgspec.json.encode(launch))

    def say(self, line: bytes) -> None:
        """One line on its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self, event: str) -> dict[str, object]:
        """The next event of that kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            found: dict[str, object] = json.loads(line)
            if found["event"] == event:
                return found
        raise AssertionError(f"the gateway ended before {event}")

    def end(self) -> int:
        """Lets it end as a supervisor does, which closes its standard input."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        return self.process.wait(PATIENCE)

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()


def to(*servers: Upstream, generation: int = 1, model: str = "credit") -> bytes:
    """A routing table: each server is a slot, all with the same share."""
    slots = tuple(
        RouteSlot(f"r{number}", "sha256:" + "a" * 64, 100 // len(servers), (each.address,))
        for number, each in enumerate(servers, 1)
    )
    return msgspec.json.encode(Routes(generation, (Route("prod", model, slots),)))


@contextmanager
def gateway(*servers: Upstream, timeout: float = PATIENCE, inner: str = "") -> Iterator["Served"]:
    """A gateway that is ready, in front of these servers."""
    with Gateway(GatewayLaunch("127.0.0.1:0", timeout=timeout, inner=inner)) as process:
        process.say(to(*servers))
        address = str(process.hear("ready")["address"])
        host, _, port = address.rpartition(":")
        yield Served(process, (host, int(port)))


@dataclass
class Served:
    """A gateway and where it listens."""

    gateway: Gateway
    address: tuple[str, int]

    def connect(self) -> socket.socket:
        """A client."""
        return socket.create_connection(self.address, timeout=PATIENCE)

    def ask(self, request: bytes) -> bytes:
        """All that comes back on a connection of its own."""
        with self.connect() as client:
            client.sendall(request)
            received = b""
            while chunk := client.recv(1 << 16):
                received += chunk
            return received


def post(body: bytes = b"{}", *, last: bool = True) -> bytes:
    """A request; the last one of its connection unless told otherwise."""
    end = b"Connection: close\r\n" if last else b""
    size = b"Content-Length: %d\r\n" % len(body)
    return b"POST " + PATH + b" HTTP/1.1\r\nHost: h\r\n" + end + size + b"\r\n" + body


def one_answer(client: socket.socket) -> bytes:
    """One answer with a length, from a connection that stays."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = client.recv(1 << 16)
        assert chunk, received
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    while len(body) < _length(head):
        body += client.recv(1 << 16)
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"listen":1}'])
def test_a_first_line_that_is_no_launch_is_one_error_and_the_end(line: bytes) -> None:
    with Gateway(line) as process:
        failed = process.hear("failed")

        assert "no launch" in str(failed["message"])
        assert process.process.wait(PATIENCE) == 1
        assert process.process.stderr is not None
        said = process.process.stderr.read().decode()
    assert said.startswith("error: ") and said.count("\n") == 1


def test_nobody_is_let_in_before_it_is_known_what_is_served() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = int(probe.getsockname()[1])
    with Gateway(GatewayLaunch(f"127.0.0.1:{port}")) as process:
        assert process.end() == 0
        assert process.process.stdout is not None
        assert process.process.stdout.read() == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def test_a_new_table_is_in_force_once_it_is_said_and_clients_stay_connected() -> None:
    with upstream() as one, upstream() as two, gateway(one) as served, served.connect() as client:
        assert served.gateway.hear("applied")["generation"] == 1
        client.sendall(post(last=False))
        assert one_answer(client).startswith(b"HTTP/1.1 200")

        served.gateway.say(to(two, generation=2))
        assert served.gateway.hear("applied")["generation"] == 2
        client.sendall(post(last=False))

        assert one_answer(client).startswith(b"HTTP/1.1 200")
        assert (len(one.seen), len(two.seen)) == (1, 1)


def test_a_model_that_is_gone_from_the_table_is_not_found() -> None:
    with upstream() as server, gateway(server) as served:
        served.gateway.say(to(server, generation=2, model="other"))
        while served.gateway.hear("applied")["generation"] != 2:
            pass

        assert served.ask(post()).startswith(b"HTTP/1.1 404")
        assert not server.seen


@pytest.mark.parametrize(
    ("pending", "status"), [(None, b"503"), (("prod/credit",), b"503"), (("prod/other",), b"404")]
)
def test_only_what_is_known_not_to_exist_is_not_found(
    pending: tuple[str, ...] | None, status: bytes
) -> None:
    with Gateway(GatewayLaunch("127.0.0.1:0")) as process:
        process.say(msgspec.json.encode(Routes(1, (), pending)))
        host, _, port = str(process.hear("ready")["address"]).rpartition(":")
        answer = Served(process, (host, int(port))).ask(post())

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert (b"retry-after: 1" in answer.lower()) == (status == b"503")


def test_a_server_that_does_not_answer_in_time_is_504_and_its_late_answer_is_nobodys() -> None:
    with upstream(answers=False) as server, gateway(server, timeout=0.5) as served:
        assert served.ask(post(b"first")).startswith(b"HTTP/1.1 504")
        server.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate"
        server.hold.set()
        server.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nnew"

        answer = served.ask(post(b"second"))

        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\nnew")
        assert server.seen[-1].endswith(b"second")


def test_a_client_that_leaves_does_not_leave_its_answer_to_the_next() -> None:
    with upstream(answers=False) as server, gateway(server) as served:
        with served.connect() as client:
            client.sendall(post(b"of who leaves"))
            assert server.arrived.wait(PATIENCE)
        server.hold.set()
        server.answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown"

        assert served.ask(post(b"of who stays")).endswith(b"\r\n\r\nown")
        assert server.seen[-1].endswith(b"of who stays")


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n",
    ],
    ids=["no head", "negative", "two lengths", "length and chunks", "too long", "cut off"],
)
def test_an_answer_that_could_be_read_in_two_ways_never_reaches_a_client(answer: bytes) -> None:
    with upstream() as server, gateway(server, timeout=2.0) as served:
        server.answer = answer

        got = served.ask(post())

        # What is cut off was begun; of all else nothing is passed on.
        assert got.startswith((b"HTTP/1.1 502", b"HTTP/1.1 504")) or not got.endswith(b"{}"), got
        assert got.count(b"HTTP/1.1") == 1
        server.answer = Upstream.answer
        assert served.ask(post()).startswith(b"HTTP/1.1 200")


def test_where_no_server_listens_the_answer_is_an_error_with_a_reason() -> None:
    with upstream() as server:
        gone = Upstream(address=server.address)
    with gateway(gone, timeout=0.5) as served:
        answer = served.ask(post())

    assert answer.split(b" ", 2)[1] in (b"502", b"503", b"504")
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])["error"]


def test_without_a_ready_server_a_request_waits_and_is_then_refused() -> None:
    nobody = msgspec.json.encode(
        Routes(1, (Route("prod", "credit", (RouteSlot("r1", "sha256:" + "a" * 64, 100, ()),)),))
    )
    with upstream() as server, Gateway(GatewayLaunch("127.0.0.1:0", timeout=1.0)) as process:
        process.say(nobody)
        host, _, port = str(process.hear("ready")["address"]).rpartition(":")
        served = Served(process, (host, int(port)))

        assert served.ask(post()).startswith(b"HTTP/1.1 503")
        with served.connect() as client:
            client.sendall(post())
            process.say(to(server, generation=2))

            assert one_answer(client).startswith(b"HTTP/1.1 200")


def test_what_is_on_its_way_is_answered_before_the_gateway_ends() -> None:
    with upstream(answers=False) as server, gateway(server) as served:
        with served.connect() as client, served.connect() as idle:
            client.sendall(post(last=False))
            assert server.arrived.wait(PATIENCE)
            assert served.gateway.process.stdin is not None
            served.gateway.process.stdin.close()
            assert idle.recv(1) == b""
            with pytest.raises(OSError):
                served.connect().close()
            server.hold.set()

            assert one_answer(client).startswith(b"HTTP/1.1 200")
            assert client.recv(1) == b""
        assert served.gateway.process.wait(PATIENCE) == 0


def test_a_shadow_gets_a_copy_and_nobody_hears_its_answer() -> None:
    with upstream() as server, upstream() as shadow:
        shadow.answer = b"HTTP/1.1 500 No\r\ncontent-length: 6\r\n\r\nshadow"
        slots = (
            RouteSlot("r1", "sha256:" + "a" * 64, 100, (server.address,)),
            RouteSlot("r2", "sha256:" + "b" * 64, 0, (shadow.address,), shadow=True),
        )
        with gateway(server) as served:
            served.gateway.say(msgspec.json.encode(Routes(2, (Route("prod", "credit", slots),))))
            while served.gateway.hear("applied")["generation"] != 2:
                pass

            answer = served.ask(post(b"both"))

            assert shadow.arrived.wait(PATIENCE)
        assert answer.startswith(b"HTTP/1.1 200") and b"shadow" not in answer
        assert shadow.seen[0].endswith(b"both")
        assert b"x-goldenpath-shadow: 1" in shadow.seen[0].lower()
        assert b"x-goldenpath-shadow" not in server.seen[0].lower()


REFUSAL = b"HTTP/1.1 400 No\r\ncontent-length: 7\r\n\r\nrefused"


def with_canary(served: "Served", *addresses: str, by_stable: bool = False) -> None:
    """Puts a route in force whose canary gets all but no request of the stable release."""
    slots = (
        RouteSlot("r1", "sha256:" + "a" * 64, 0, (addresses[0],)),
        RouteSlot("r2", "sha256:" + "b" * 64, 100, (addresses[1],)),
    )
    routes = Routes(2, (Route("prod", "credit", slots, by_stable),))
    served.gateway.say(msgspec.json.encode(routes))
    while served.gateway.hear("applied")["generation"] != 2:
        pass


def canary_counts(served: "Served", name: str, expected: int) -> dict[str, int]:
    """The canary's counts, as soon as `name` is as high as expected."""
    while True:
        tallies = served.gateway.hear("tally")["tallies"]
        assert isinstance(tallies, dict)
        counts: dict[str, int] = tallies.get("prod/credit/r2", {})
        if counts.get(name, 0) >= expected:
            return counts


@pytest.mark.parametrize("answer", [None, REFUSAL], ids=["answered", "refused"])
def test_the_stable_release_is_asked_what_its_canary_refused(answer: bytes | None) -> None:
    with upstream() as stable, upstream() as canary, gateway(stable) as served:
        canary.answer = REFUSAL
        stable.answer = answer or stable.answer
        with_canary(served, stable.address, canary.address)

        assert served.ask(post(b"both")).endswith(b"refused")

        counts = canary_counts(served, "refusals_asked", 1)
        assert (counts["requests"], counts["refused"]) == (1, 1)
        assert counts["refusals_answered"] == (answer is None)
    assert stable.seen[0].endswith(b"both") and b"x-goldenpath-shadow: 1" in stable.seen[0].lower()


def test_no_more_refusals_are_asked_again_in_a_second_than_the_limit() -> None:
    with upstream() as stable, upstream() as canary, gateway(stable) as served:
        canary.answer = REFUSAL
        with_canary(served, stable.address, canary.address)
        for _ in range(10 * MAX_ASKED_AGAIN):
            served.ask(post(b"both"))
        counts = canary_counts(served, "refused", 10 * MAX_ASKED_AGAIN)

    assert 0 < counts["refusals_asked"] < counts["refused"]


def test_where_the_stage_says_so_the_caller_gets_the_stable_answer() -> None:
    with upstream() as stable, upstream() as canary, gateway(stable) as served:
        canary.answer = REFUSAL
        with_canary(served, stable.address, canary.address, by_stable=True)

        answer = served.ask(post(b"both"))

        counts = canary_counts(served, "refusals_asked", 1)
    assert answer.startswith(b"HTTP/1.1 200") and b"x-goldenpath-slot: r1" in answer.lower()
    assert (counts["refused"], counts["refusals_answered"]) == (1, 1)
    assert b"x-goldenpath-shadow" not in stable.seen[0].lower()


def test_a_refusal_of_both_reaches_the_caller_once() -> None:
    with upstream() as stable, upstream() as canary, gateway(stable) as served:
        canary.answer = stable.answer = REFUSAL
        with_canary(served, stable.address, canary.address, by_stable=True)

        assert served.ask(post(b"both")).endswith(b"refused")

        counts = canary_counts(served, "refusals_asked", 1)
    assert counts["refusals_answered"] == 0 and len(stable.seen) == 1


@pytest.mark.parametrize("takes_over", [True, False])
def test_without_a_stable_server_a_canary_gets_more_than_its_share_only_by_policy(
    takes_over: bool,
) -> None:
    with upstream() as canary, gateway(canary) as served:
        slots = (
            RouteSlot("r1", "sha256:" + "a" * 64, 75, ()),
            RouteSlot("r2", "sha256:" + "b" * 64, 25, (canary.address,)),
        )
        route = Route("prod", "credit", slots, canary_takes_over=takes_over)
        served.gateway.say(msgspec.json.encode(Routes(2, (route,))))
        while served.gateway.hear("applied")["generation"] != 2:
            pass
        answers = [served.ask(post())[9:12] for _ in range(20)]

    answered = answers.count(b"200")
    assert answered == 20 if takes_over else abs(answered - 5) <= 1
    assert answered + answers.count(b"503") == 20


def test_answers_are_counted_for_the_slot_that_gave_them() -> None:
    with upstream() as server, gateway(server) as served:
        for _ in range(3):
            served.ask(post())

        counted = 0
        while counted < 3:
            tallies = served.gateway.hear("tally")["tallies"]
            assert isinstance(tallies, dict)
            counted = tallies["prod/credit/r1"]["requests"]

    assert counted == 3


def test_a_signal_to_read_certificates_again_harms_no_gateway_without_any() -> None:
    with upstream() as server, gateway(server) as served:
        served.gateway.process.send_signal(signal.SIGHUP)

        assert served.ask(post()).startswith(b"HTTP/1.1 200")


def test_the_inner_socket_is_open_to_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "inner.sock"
    with upstream() as server, gateway(server, inner=str(path)):
        assert path.stat().st_mode & 0o077 == 0
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(post())

            assert one_answer(client).startswith(b"HTTP/1.1 200")
