"""An S3 server for tests: moto, in its own process."""

import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.programs import program


@contextmanager
def buckets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the server and set credentials in the environment. Yields the server's address."""
    log = folder / "moto.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [program("moto_server"), "-H", "127.0.0.1", "-p", "0"], stdout=output, stderr=output
        )
    try:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        yield _address(log, server)
    finally:
        server.terminate()
        server.wait(10)


def fill(address: str, bucket: str, folder: Path) -> None:
    """Put every file of a folder into a new bucket, under its relative path."""
    from pyarrow.fs import S3FileSystem

    system = S3FileSystem(
        endpoint_override=address,
        allow_bucket_creation=True,
        allow_delayed_open=True,  # type: ignore[call-arg]  # the stubs do not know it yet
    )
    system.create_dir(bucket)
    for path in folder.rglob("*"):
        if path.is_file():
            with system.open_output_stream(f"{bucket}/{path.relative_to(folder)}") as stream:
                stream.write(path.read_bytes())


def put_empty(address: str, path: str) -> None:
    """Put an empty object at `path`, which begins with its bucket."""
    request = urllib.request.Request(f"{address}/{path}", data=b"", method="PUT")  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 - the server of this test
        pass


def _address(log: Path, server: "subprocess.Popen[bytes]") -> str:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        for text in log.read_text().split():
            if text.startswith("http://127.0.0.1:"):
                return text
        threading.Event().wait(0.05)
    pytest.fail("moto did not start")
