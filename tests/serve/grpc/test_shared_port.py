"""One gRPC listener takes over from another: real processes at one port, and no call is lost."""

import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import msgspec
import pytest

from goldenpath.errors import Unavailable
from goldenpath.processes.launch import GrpcLaunch
from goldenpath.serve.grpc.shared_port import SharedPort, refuse_taken
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.protocol.grpc_messages import render
from tests.serve.running import ROW
from tests.sizes import at_size

NOWHERE = "127.0.0.1:9"
"""A gateway that is away: whether the server is live is answered all the same."""


TENSOR = {
    "name": "features", "datatype": "FP32", "shape": [1, 4], "contents": {"fp32_contents": ROW},
}  # fmt: skip
PREDICTION = render("ModelInferRequest", {"model_name": "credit", "inputs": [TENSOR]})


class Listener:
    """The process of a listener."""

    def __init__(self, address: str, *, is_shared: bool) -> None:
        command = [sys.executable, "-m", "goldenpath.serve.grpc"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        launch = GrpcLaunch(address, NOWHERE, is_shared=is_shared, connection_age=0.5)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(msgspec.json.encode(launch) + b"\n")
        self.process.stdin.flush()
        self.address = str(msgspec.json.decode(self.process.stdout.readline())["address"])

    def end(self) -> int:
        assert self.process.stderr is not None
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()
            assert self.process.stderr.read() == b""
        return self.process.returncode


class Callers:
    """Callers without a pause: some keep their channel, the others open one per call."""

    def __init__(self, address: str, stage: str = "") -> None:
        """With a stage they ask for predictions, else only whether the server is live."""
        self.outcomes = Counter[str]()
        self._address = address
        self._stage = stage
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(keeps,)) for keeps in (True, True, False)
        ]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keeps: bool) -> None:
        with opened(self._address) as kept:
            while not self._stop.wait(0.002):
                if keeps:
                    self.outcomes[asked(kept, self._stage)] += 1
                else:
                    with opened(self._address) as channel:
                        self.outcomes[asked(channel, self._stage)] += 1


@contextmanager
def opened(address: str) -> Iterator[grpc.Channel]:
    # Channels of one process share their connections unless they are told not to.
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(address, options=options) as channel:
        yield channel


def asked(channel: grpc.Channel, stage: str = "") -> str:
    """`answered`, or what went wrong with one call."""
    name, message = ("ModelInfer", PREDICTION) if stage else ("ServerLive", b"")
    call = channel.unary_unary(f"{inference_service.PREFIX}{name}")
    try:
        call(message, metadata=[("x-goldenpath-stage", stage or "none")], timeout=20)
    except grpc.RpcError as error:
        return f"{error.code()} {error.details()}"
    return "answered"


def test_no_call_is_lost_when_one_takes_over_from_another() -> None:
    listener = Listener("127.0.0.1:0", is_shared=False)
    with Callers(listener.address) as callers:
        for _ in range(at_size(2, 12)):
            following = Listener(listener.address, is_shared=True)
            time.sleep(0.1)
            assert listener.end() == 0
            listener = following
    assert listener.end() == 0

    assert set(callers.outcomes) == {"answered"}, callers.outcomes
    assert callers.outcomes["answered"] > 50


def test_the_newer_of_two_gets_every_new_connection() -> None:
    first = Listener("127.0.0.1:0", is_shared=False)
    second = Listener(first.address, is_shared=True)
    # Whatever reached the first one would wait for ever.
    first.process.send_signal(signal.SIGSTOP)
    outcomes = Counter[str]()
    for _ in range(30):
        with opened(first.address) as channel:
            outcomes[asked(channel)] += 1
    first.process.send_signal(signal.SIGCONT)
    assert (first.end(), second.end()) == (0, 0)
    assert outcomes == {"answered": 30}


@contextmanager
def another_at(address: str, port: int) -> Iterator[None]:
    """A process that listens there and shares its port."""
    program = (
        "import socket, sys; s = socket.socket(); s.setsockopt(1, 15, 1);"
        f"s.bind(({address!r}, {port})); s.listen(); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"\n"
        yield
        assert process.stdin is not None
        process.stdin.close()


def test_a_successor_is_who_listens_on_the_same_address() -> None:
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(("127.0.0.1", 0))
        number = listening.getsockname()[1]
        port = SharedPort(number)
        with pytest.raises(Unavailable, match="does not listen"):
            port.claim()
        listening.listen()
        port.claim()
        assert not port.has_successor() and port.connections() == 0
        with another_at("127.0.0.2", number):
            assert not port.has_successor()
        with another_at("127.0.0.1", number):
            assert port.has_successor()
        assert not port.has_successor()
        with socket.create_connection(("127.0.0.1", number)), listening.accept()[0]:
            assert port.connections() == 1
        with pytest.raises(Unavailable, match="cannot listen for gRPC"):
            refuse_taken(f"127.0.0.1:{number}")
