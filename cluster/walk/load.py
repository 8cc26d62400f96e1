"""Requests through the Gateway: counted by the release that answered, and by what was lost."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.addresses import HOST

_RELEASE = "x-goldenpath-release"
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """Where the Gateway takes requests for one model in one stage."""

    port: int
    host: str
    model: str

    @property
    def path(self) -> str:
        """The path of the v2 protocol."""
        return f"/v2/models/{self.model}/infer"


@dataclass
class Answers:
    """What came back, by release; anything that is no answer counts as lost."""

    by_release: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All requests that were sent."""
        return sum(self.by_release.values()) + sum(self.lost.values())

    def __str__(self) -> str:
        shares = (f"{name[7:15] or '?'} {count}" for name, count in self.by_release.most_common())
        return ", ".join(
            (*shares, f"lost {sum(self.lost.values())} {dict(self.lost) or ''}".strip())
        )


def ask_many(address: GatewayAddress, body: bytes, count: int, clients: int = 4) -> Answers:
    """Send `count` requests over kept connections, and return what came back."""
    answers, left, lock = Answers(), iter(range(count)), threading.Lock()

    def more() -> bool:
        with lock:
            return next(left, None) is not None

    threads = [
        threading.Thread(target=_client, args=(address, body, answers, lock, more))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@contextmanager
def load(address: GatewayAddress, body: bytes, least: int, clients: int = 4) -> Iterator[Answers]:
    """Send requests during the block, and until `least` of them were sent."""
    answers, lock, stop = Answers(), threading.Lock(), threading.Event()

    def more() -> bool:
        with lock:
            return not stop.is_set() or answers.total < least

    threads = [
        threading.Thread(target=_client, args=(address, body, answers, lock, more))
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _client(
    address: GatewayAddress, body: bytes, answers: Answers, lock: threading.Lock, more: object
) -> None:
    connection: http.client.HTTPConnection | None = None
    while callable(more) and more():
        try:
            connection = connection or http.client.HTTPConnection(
                HOST, address.port, timeout=_SECONDS
            )
            headers = {"host": address.host, "content-type": "application/json"}
            connection.request("POST", address.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            release = answer.getheader(_RELEASE) or ""
            problem = "" if answer.status == 200 and release else f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            release, problem, connection = "", type(error).__name__, None
        with lock:
            if problem:
                answers.lost[problem] += 1
            else:
                answers.by_release[release] += 1
        if problem:
            time.sleep(0.02)


def example_body(contract: Mapping[str, object]) -> bytes:
    """Return a request of the v2 protocol with one row that the contract accepts."""
    return json.dumps(contract).encode("utf-8")
