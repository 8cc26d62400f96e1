"""A result as a file on this machine; its parts are files in the folder `OUT.parts` beside it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from goldenpath.errors import InvalidInput
from goldenpath.files import take_lock, write_whole


class ResultFolder:
    """The file `out` and its parts."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._parts = out.with_name(f"{out.name}.parts")

    def is_there(self) -> bool:
        """Whether the whole result is there."""
        return self._out.exists()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes off the parts, by a lock."""
        self._parts.mkdir(parents=True, exist_ok=True)
        with (self._parts / "lock").open("a") as lock:
            if not take_lock(lock, wait=False):
                raise InvalidInput(f"another process writes {self._out}", hint="wait for its end")
            yield

    def names(self) -> list[str]:
        """Return the names of all parts, sorted."""
        return sorted(path.name for path in self._parts.iterdir() if path.name != "lock")

    def read(self, name: str) -> bytes:
        """Return the content of a part."""
        return (self._parts / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a part under another name, and rename it."""
        write_whole(self._parts / name, content)

    @contextmanager
    def whole(self) -> Iterator[pa.NativeFile]:
        """Open the result under another name, and rename it at the end."""
        partial = self._out.with_name(f".{self._out.name}.partial")
        with pa.OSFile(str(partial), "wb") as sink:
            yield sink
        partial.replace(self._out)

    def clear(self) -> None:
        """Remove the parts."""
        shutil.rmtree(self._parts, ignore_errors=True)
