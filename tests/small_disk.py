"""A small disk in a mount namespace of its own, for tests that fill it. Gone with its holder."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class SmallDisk:
    """The disk at `inside`; only processes started by `command` see it there."""

    inside: Path
    holder: int

    @property
    def outside(self) -> Path:
        """Where everybody else reads and writes it."""
        return Path(f"/proc/{self.holder}/root{self.inside}")

    def command(self, *command: str) -> list[str]:
        """A command that runs where the disk is."""
        own = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.holder}", "--mount", *own, "--", *command]

    def fill(self, leave: int = 0) -> None:
        """Takes all of its space but `leave` bytes."""
        ballast = os.open(self.outside / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        os.write(ballast, bytes(size))
            os.ftruncate(ballast, max(0, os.fstat(ballast).st_size - leave))
        finally:
            os.close(ballast)

    def empty(self) -> None:
        """Gives the space back."""
        (self.outside / "ballast").unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[SmallDisk]:
    """A disk of that size; the test is skipped, and says so, where none can be mounted."""
    folder.mkdir()
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'mount -t tmpfs -o size={mib}m,mode=700 tmpfs "$0" && echo mounted && exec cat'
    holder = subprocess.Popen(
        ["unshare", "--mount", *own, "sh", "-c", script, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with holder:
        assert holder.stdin and holder.stdout and holder.stderr
        if holder.stdout.readline() != b"mounted\n":
            pytest.skip(f"NO SMALL DISK HERE, full disks are not tested: {holder.stderr.read()!r}")
        try:
            yield SmallDisk(folder, holder.pid)
        finally:
            holder.stdin.close()
            holder.wait()
