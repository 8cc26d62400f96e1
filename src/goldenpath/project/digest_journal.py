"""The journal of an interrupted digest, so that the next run hashes only the remaining parts.

Each finished part appends one line. The journal recognizes a part by name, size and time of change.
This is good enough to resume `goldenpath data`. A build never uses it and reads every byte.
"""

import hashlib
import threading
from pathlib import Path


class DigestJournal:
    """The hashes of the finished parts of one file or folder."""

    def __init__(self, folder: Path, subject: Path) -> None:
        name = hashlib.sha256(str(subject.absolute()).encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.journal"
        self._hashes = dict(_lines(self._path))
        self._writing = threading.Lock()
        self.reused = 0
        """Number of parts whose hash was taken from the journal."""

    def recall(self, part: str) -> str | None:
        """Return the hash of a part, or None if it has to be read. `part` is a `Span.identity`."""
        digest = self._hashes.get(part)
        self.reused += digest is not None
        return digest

    def record(self, part: str, digest: str) -> None:
        """Append the hash of a part."""
        with self._writing, self._path.open("a", encoding="utf-8") as file:
            file.write(f"{digest} {part}\n")

    def delete(self) -> None:
        """Delete the journal, because the digest is complete."""
        self._path.unlink(missing_ok=True)


def _lines(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    # The last piece is empty, or a line that the interruption cut off.
    lines = path.read_text("utf-8", "replace").split("\n")[:-1]
    return [(part, digest) for digest, _, part in (line.partition(" ") for line in lines)]
