"""Copies the rules and dashboards of the package to a folder of the user."""

from importlib import resources
from pathlib import Path
from typing import Literal

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import write_whole

FileSet = Literal["rules", "dashboards"]
_PACKAGE = "goldenpath.observe.telemetry.monitoring"


def monitoring_files(kind: FileSet) -> dict[str, bytes]:
    """Return the files of one kind by name."""
    folder = resources.files(_PACKAGE) / kind
    return {
        each.name: each.read_bytes()
        for each in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if each.name.endswith((".yaml", ".json"))
    }


def write_monitoring_files(kind: FileSet, folder: Path) -> tuple[Path, ...]:
    """Write the files and return their paths. Files that are equal already are left alone.

    Raises `InvalidInput` if a file there differs: somebody changed its thresholds.
    """
    files = {folder / name: content for name, content in monitoring_files(kind).items()}
    try:
        known = {path: path.read_bytes() for path in files if path.exists()}
        changed = [path for path, content in known.items() if content != files[path]]
        if changed:
            raise InvalidInput(
                f"{changed[0]} differs from the file of this version",
                hint="write to another folder with --out, and compare the two",
            )
        for path, content in files.items():
            write_whole(path, content, 0o644)
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror}") from error
    return tuple(files)
