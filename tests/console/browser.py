"""A console that really runs, and what one client sees of it."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldenpath.home import HOME_VARIABLE

_STARTS = "import sys; from goldenpath.cli.main import main; main(sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer over HTTP."""

    code: int
    headers: Mapping[str, str]
    text: str

    @property
    def record(self) -> Any:
        """The JSON in it."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Browser:
    """A client of one console."""

    address: str
    environment: Mapping[str, str]

    def get(self, path: str, method: str = "GET", **headers: str) -> Seen:
        """One request; `_` in a header's name stands for `-`."""
        connection = http.client.HTTPConnection(self.address, timeout=300)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Seen(answer.status, found, answer.read().decode())
        finally:
            connection.close()

    def verb(self, *words: str) -> str:
        """What the command line prints for the same question."""
        run = subprocess.run(
            (sys.executable, "-c", _STARTS, *words),
            env=dict(self.environment),
            capture_output=True,
            text=True,
        )
        return run.stdout


@contextmanager
def console(home: Path) -> Iterator[Browser]:
    """The console of a home as a process; it ends by SIGTERM in order."""
    environment = {**os.environ, HOME_VARIABLE: str(home)}
    words = ("console", "--listen", "127.0.0.1:0", "--output", "json")
    process = subprocess.Popen(
        (sys.executable, "-c", _STARTS, *words),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            first = "".join(iter(process.stdout.readline, "}\n")) + "}"
            address = json.loads(first)["address"]
            yield Browser(address.removeprefix("http://").strip("/"), environment)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)
