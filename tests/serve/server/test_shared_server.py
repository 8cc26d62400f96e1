"""A process that holds several releases: what one of them is or does touches no other one."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from goldenpath.processes.launch import ServerConfiguration, SharedCommand
from goldenpath.serve.server.release_server import SHARED_SLOT_BYTES
from tests.serve.process import packed, packed_code


class Shared:
    """The process, commanded as a supervisor does."""

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self.child = child

    def send(self, command: SharedCommand) -> None:
        assert self.child.stdin is not None
        self.child.stdin.write(msgspec.json.encode(command) + b"\n")
        self.child.stdin.flush()

    def start(self, launch: ServerConfiguration) -> None:
        self.send(SharedCommand(launch.replica, start=replace(launch, is_shared=True)))

    def until(self, replica: str, event: str) -> list[str]:
        """The kinds of what it sends about a replica, up to an event."""
        kinds = list[str]()
        assert self.child.stdout is not None
        while kinds[-1:] != [event]:
            line = self.child.stdout.readline()
            assert line, kinds
            message = json.loads(line)
            if message["replica"] == replica:
                kinds.append(message["event"])
        return kinds


@contextmanager
def shared() -> Iterator[Shared]:
    command = [sys.executable, "-m", "goldenpath.serve", "shared"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            yield Shared(child)
        finally:
            child.kill()


def test_one_that_may_not_serve_or_not_share_leaves_the_others_alone(tmp_path: Path) -> None:
    for name in ("good", "bad", "code"):
        (tmp_path / name).mkdir()
    good = packed(tmp_path / "good")
    bad = packed(tmp_path / "bad", signed=False)
    code = packed_code(tmp_path / "code", "def load(files): ...\n")

    with shared() as process:
        for number in ("one", "two"):
            process.start(good.launch(number))
            assert process.until(number, "ready") == ["starting", "ready"]
        buffers = [each.stat().st_size for each in (tmp_path / "good").glob("spool/*.buffer")]
        assert len(buffers) == 2 and max(buffers) <= 8 * SHARED_SLOT_BYTES + 4096
        process.start(bad.launch("bad"))
        assert process.until("bad", "ended") == ["starting", "failed", "ended"]
        process.start(code.launch("code"))
        assert process.until("code", "ended") == ["starting", "apart", "ended"]
        assert not list((tmp_path / "code").glob("scratch/*"))

        process.send(SharedCommand("one", ends=True))
        assert process.until("one", "ended") == ["drained", "ended"]
        assert not (tmp_path / "good" / "one").exists()
        assert (tmp_path / "good" / "two").is_socket()
        assert process.child.stdin is not None
        process.child.stdin.close()
        assert process.until("two", "ended") == ["drained", "ended"]
        assert process.child.wait(30) == 0
