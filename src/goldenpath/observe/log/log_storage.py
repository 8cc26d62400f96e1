"""The storage of a prediction log for readers: names, and content of a bounded size.

It is the folder that the observers write to, or a copy of it. Segments never change once they have
their name, so any tool can copy them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.observe.log.segment import checked_name
from goldenpath.observe.log.segments.packed_file import PACKED, BytesSource
from goldenpath.observe.log.segments.stored_segments import packed_contents, stored_segments
from goldenpath.settings import ObjectStore

MOST_FILES = 500_000
MOST_BYTES = 256 * 1024 * 1024
"""The most bytes of one file, 256 MiB. Segments are far smaller."""
_DEFAULT = ObjectStore()


@dataclass(frozen=True, slots=True)
class LogStorage:
    """A folder, or a URL of an object store or of anything that fsspec knows."""

    where: str
    settings: ObjectStore = _DEFAULT

    def files(self, stage: str, model: str) -> Mapping[str, Callable[[], bytes]]:
        """Return the readers of the files of one model in one stage, by file name.

        Segments in packed files are listed as if they had files of their own.

        A reader raises `NotFound` if the file is gone. Raises `Unavailable` if the storage cannot
        be listed.
        """
        below = f"{checked_name(stage)}/{checked_name(model)}"
        listed = self._remote(below) if "://" in self.where else self._local(below)
        files = {}
        for name, size, read in listed:
            files[name] = partial(_bounded, name, size, read)
            if len(files) > MOST_FILES:
                raise InvalidInput(
                    f"{self.where} has more than {MOST_FILES} files of {below}",
                    hint="keep older segments elsewhere",
                )
        return files

    def _local(self, below: str) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
        try:
            for path in Path(self.where, below).iterdir():
                if not path.name.endswith(PACKED):
                    yield path.name, path.stat().st_size, path.read_bytes
            for segment in stored_segments(Path(self.where), *below.split("/")):
                if segment.packed:
                    yield segment.name, 0, segment.checkpoint
                    yield segment.table_name, 0, segment.table
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"{self.where} cannot be read: {error}") from error

    def _remote(self, below: str) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
        # Object stores are slow to import, and most logs are in a folder.
        from goldenpath.train.data.remote_data import at_url

        try:
            place = at_url(f"{self.where.rstrip('/')}/{below}", self.settings)
        except NotFound:
            return
        for file in place.files:
            whole = partial(_whole, file.read)
            if file.name.endswith(PACKED):
                content = _bounded(file.name, file.size, whole)
                for name, read in packed_contents(BytesSource(file.name, content)):
                    yield name, 0, read
            else:
                yield file.name, file.size, whole


def _whole(read: Callable[[], Iterable[bytes]]) -> bytes:
    return b"".join(read())


def _bounded(name: str, size: int, read: Callable[[], bytes]) -> bytes:
    if size > MOST_BYTES:
        raise InvalidInput(f"{name} has {size} bytes: expected at most {MOST_BYTES}")
    try:
        return read()
    except FileNotFoundError as error:
        raise NotFound(f"{name} is gone") from error
    except OSError as error:
        raise Unavailable(f"{name} cannot be read: {error}") from error
