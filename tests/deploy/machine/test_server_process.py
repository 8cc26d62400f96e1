"""A server that cannot be started, as the clock goes on."""

from itertools import pairwise

from goldenpath.deploy.machine.server_process import ServerProcess
from goldenpath.errors import Unavailable
from goldenpath.processes.child import FIRST_PAUSE, LONGEST_PAUSE, Child
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
