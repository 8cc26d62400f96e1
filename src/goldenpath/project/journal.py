"""What an interrupted digest found out, so that the next one reads only the rest.

One line per part, appended as parts are done. A part counts as known if its name, size and time of
change are those of then; that is good enough to go on, and never what a build relies on.
"""

import hashlib
import threading
from pathlib import Path


class Journal:
    """The parts of one file or folder that were hashed before."""

    def __init__(self, folder: Path, subject: Path) -> None:
        name = hashlib.sha256(str(subject.absolute()).encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.journal"
        self._known = dict(_lines(self._path))
        self._writing = threading.Lock()
        self.reused = 0

    def known(self, part: str) -> str | None:
        """The hash of a part, told by name, size and time of change."""
        found = self._known.get(part)
        self.reused += found is not None
        return found

    def note(self, part: str, found: str) -> None:
        """Remembers the hash of a part."""
        with self._writing, self._path.open("a", encoding="utf-8") as file:
            file.write(f"{found} {part}\n")

    def end(self) -> None:
        """Forgets it all: the digest is there."""
        self._path.unlink(missing_ok=True)


def _lines(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    # A line that was cut off by the interruption has no end, and is not one.
    whole = path.read_text("utf-8", "replace").split("\n")[:-1]
    return [(part, found) for found, _, part in (line.partition(" ") for line in whole)]
