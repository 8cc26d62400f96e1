"""Where a prediction log lies, as its reader sees it: names, and bytes of a bounded size.

A folder that the observers write to, or a copy of it anywhere: segments never change once they have
their name, so every tool that copies files will do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.observe.log.segment import checked_name
from goldenpath.settings import ObjectStore

MOST_FILES = 500_000
MOST_BYTES = 256 * 1024 * 1024
"""Of one file, 256 MiB: a segment is sealed long before."""
_DEFAULT = ObjectStore()


@dataclass(frozen=True, slots=True)
class LogStorage:
    """A folder, or a URL of an object store or of anything that fsspec knows."""

    where: str
    settings: ObjectStore = _DEFAULT

    def files(self, stage: str, model: str) -> Mapping[str, Callable[[], bytes]]:
        """What lies there of one model in one stage, by name; reading raises `NotFound` once gone.

        Raises `Unavailable` if that cannot be said.
        """
        below = f"{checked_name(stage)}/{checked_name(model)}"
        found = self._remote(below) if "://" in self.where else self._local(below)
        files = {}
        for name, size, read in found:
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
                yield path.name, path.stat().st_size, path.read_bytes
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"{self.where} cannot be read: {error}") from error

    def _remote(self, below: str) -> Iterator[tuple[str, int, Callable[[], bytes]]]:
        # Object stores take a while to import, and most logs lie in a folder.
        from goldenpath.train.data.remote_data import at_url

        try:
            place = at_url(f"{self.where.rstrip('/')}/{below}", self.settings)
        except NotFound:
            return
        for each in place.files:
            yield each.name, each.size, partial(_whole, each.read)


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
