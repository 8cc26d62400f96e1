"""Requests at a fixed rate, whatever the answers do: an outage loses what is sent during it."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cluster.addresses import HOST
from cluster.walk.load import GatewayAddress

_RELEASE = "x-goldenpath-release"
_SECONDS = 10.0
_CLIENTS = 16


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """One request: when it was sent, and the release that answered or what happened instead."""

    at: float
    """Seconds of the monotonic clock."""
    release: str
    problem: str = ""


@dataclass
class PacedAnswers:
    """All requests so far."""

    listed: list[TimedAnswer] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: TimedAnswer) -> None:
        """Keep one."""
        with self.lock:
            self.listed.append(answer)

    def since(self, at: float) -> list[TimedAnswer]:
        """Return those that were sent at a time or later."""
        with self.lock:
            return [each for each in self.listed if each.at >= at]

    def releases(self) -> Counter[str]:
        """Return the answers by release."""
        return Counter(each.release for each in self.since(0) if not each.problem)

    def lost(self) -> Counter[str]:
        """Return what came back in place of an answer."""
        return Counter(each.problem for each in self.since(0) if each.problem)

    def __str__(self) -> str:
        shares = (f"{name[7:15]} {count}" for name, count in self.releases().most_common())
        lost = self.lost()
        return ", ".join((*shares, f"lost {sum(lost.values())} {dict(lost) or ''}".strip()))


@contextmanager
def paced_load(address: GatewayAddress, body: bytes, rate: float) -> Iterator[PacedAnswers]:
    """Send `rate` requests a second during the block."""
    answers, stop, lock = PacedAnswers(), threading.Event(), threading.Lock()
    began, number = time.monotonic(), 0

    def next_due() -> float:
        nonlocal number
        with lock:
            number += 1
            return began + number / rate

    def client() -> None:
        connection: http.client.HTTPConnection | None = None
        while not stop.wait(max(0.0, next_due() - time.monotonic())):
            connection = _ask(address, body, connection, answers)
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(
    address: GatewayAddress,
    body: bytes,
    connection: http.client.HTTPConnection | None,
    answers: PacedAnswers,
) -> http.client.HTTPConnection | None:
    """Send one request, and return the connection if it can be used again."""
    sent = time.monotonic()
    try:
        connection = connection or http.client.HTTPConnection(HOST, address.port, timeout=_SECONDS)
        headers = {"host": address.host, "content-type": "application/json"}
        connection.request("POST", address.path, body, headers)
        answer = connection.getresponse()
        answer.read()
        release = answer.getheader(_RELEASE) or ""
        problem = "" if answer.status == 200 and release else f"status {answer.status}"
    except (OSError, http.client.HTTPException) as error:
        release, problem = "", type(error).__name__
        if connection is not None:
            connection.close()
        connection = None
    answers.add(TimedAnswer(sent, release, problem))
    return connection
