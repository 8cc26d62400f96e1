"""A result as an object in a bucket; its parts are objects below `OUT.parts/`.

An object appears only once all of it was sent. A bucket has no locks: who starts the same scoring
twice at the same time asks, and records, the same rows twice, and gets one whole result.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow.fs import FileSelector, FileType, S3FileSystem

from goldenpath.errors import Unavailable
from goldenpath.settings import ObjectStore


class ResultBucket:
    """The object at an address `s3://BUCKET/KEY` and its parts."""

    def __init__(self, url: str, settings: ObjectStore) -> None:
        parts = urlsplit(url)
        self._url = url
        self._key = f"{parts.netloc}{parts.path}"
        self._below = f"{self._key}.parts"
        self._system = S3FileSystem(
            endpoint_override=settings.endpoint,
            region=settings.region,
            # A small object is one request, and not an upload in parts.
            allow_delayed_open=True,  # type: ignore[call-arg]  # the stubs do not know it yet
        )

    def is_there(self) -> bool:
        """Whether the whole result is there."""
        with self._named():
            (info,) = self._system.get_file_info([self._key])
        return bool(info.type != FileType.NotFound)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep nobody off: a bucket has no locks."""
        yield

    def names(self) -> list[str]:
        """Return the names of all parts, sorted."""
        with self._named():
            found = self._system.get_file_info(FileSelector(self._below, allow_not_found=True))
        return sorted(PurePosixPath(each.path).name for each in found if each.type == FileType.File)

    def read(self, name: str) -> bytes:
        """Return the content of a part."""
        with self._named(), self._system.open_input_stream(f"{self._below}/{name}") as stream:
            return bytes(stream.read())

    def write(self, name: str, content: bytes) -> None:
        """Send a part as a whole."""
        with self._named(), self._system.open_output_stream(f"{self._below}/{name}") as stream:
            stream.write(content)

    @contextmanager
    def whole(self) -> Iterator[pa.NativeFile]:
        """Open the result; what was sent before an error is removed again."""
        with self._named():
            try:
                with self._system.open_output_stream(self._key) as stream:
                    yield stream
            except BaseException:
                # Arrow ends the upload whatever happened, so the object may be there.
                if self.is_there():
                    self._system.delete_file(self._key)
                raise

    def clear(self) -> None:
        """Remove the parts."""
        with self._named():
            for name in self.names():
                self._system.delete_file(f"{self._below}/{name}")

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say of each failure of the network which result it was about."""
        try:
            yield
        except OSError as error:
            reason = " ".join(str(error).split())[:300]
            raise Unavailable(f"{self._url} cannot be written: {reason}") from error
