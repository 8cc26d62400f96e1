"""A server that cannot be started, as the clock goes on."""

from collections.abc import Iterator
from itertools import pairwise

from goldenpath.deploy.machine.server_process import START_SECONDS, ServerProcess
from goldenpath.errors import Unavailable
from goldenpath.processes.child import FIRST_PAUSE, LONGEST_PAUSE, Child, Message
from goldenpath.processes.launch import ReleaseSource, ReleaseTrust, ServerConfiguration

LAUNCH = ServerConfiguration(
    stage="prod",
    model="credit",
    slot="r1",
    digest="sha256:" + "0" * 64,
    replica="r1-1",
    source=ReleaseSource("registry"),
    trust=ReleaseTrust((), ()),
    listen="127.0.0.1:0",
    spool="",
)


def test_pauses_between_starts_double_up_to_a_minute() -> None:
    tried: list[float] = []
    now = 0.0

    def start(_: ServerConfiguration) -> Child:
        tried.append(now)
        raise Unavailable("no process can be made")

    server = ServerProcess(lambda: LAUNCH, start)
    while len(tried) < 11:
        server.tick(now)
        now += FIRST_PAUSE / 2

    pauses = [after - before for before, after in pairwise(tried)]
    assert pauses == [min(FIRST_PAUSE * 2**number, LONGEST_PAUSE) for number in range(10)]
    assert (server.failures, server.message) == (11, "no process can be made")


class Seat:
    """A place in a shared process, as a test says that it is."""

    must_move = False
    pid = output = 0

    def __init__(self) -> None:
        self.is_waiting = True
        self.exit_code: int | None = None
        self.news: list[Message] = []

    def messages(self) -> Iterator[Message]:
        while self.news:
            yield self.news.pop(0)

    def memory(self) -> int:
        return 0

    def send(self, message: object) -> None: ...

    def reload(self) -> None: ...

    def end(self) -> None: ...

    def close(self) -> None: ...

    def kill(self) -> None:
        self.exit_code = -9

    def last_log_line(self) -> str:
        return ""


def ended(seat: Seat) -> bool:
    return seat.exit_code is not None


def test_the_time_to_start_begins_when_its_turn_comes() -> None:
    seat = Seat()
    server = ServerProcess(lambda: LAUNCH, lambda _: seat)
    server.tick(0.0)
    server.tick(10 * START_SECONDS)
    assert not ended(seat), "others are loaded before it"

    seat.is_waiting, seat.news = False, [{"event": "starting"}]
    server.tick(10 * START_SECONDS)
    server.tick(11 * START_SECONDS)
    assert not ended(seat)
    server.tick(11 * START_SECONDS + 1)
    assert ended(seat) and "no answer in time" in server.message


def test_one_that_waits_for_nobody_is_killed_in_time() -> None:
    seat = Seat()
    seat.is_waiting = False
    server = ServerProcess(lambda: LAUNCH, lambda _: seat)
    server.tick(0.0)
    server.tick(START_SECONDS + 1)
    assert ended(seat)
