"""The sandbox of a project's programs: the folders that they may write and read.

Landlock only takes a list of what is allowed. To close the platform's keys and leave everything
else readable, the list names all folders around the closed ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from goldenpath.train.environment.hardware import can_confine


def sandbox_limits(
    own: Sequence[Path], shared: Sequence[Path], closed: Sequence[Path]
) -> dict[str, object]:
    """Return the limits of a program, as `runner.py` takes them.

    The program may write below `own`. It may read everything but files below `closed`; files below
    `own` and `shared` may be read even there. Empty if the kernel has no Landlock.
    """
    if not can_confine():
        return {}
    hidden = [path.resolve() for path in closed]
    allowed = [path.resolve() for path in (*own, *shared)]
    # A folder that contains a closed one would open it.
    safe = (path for path in allowed if not any(other.is_relative_to(path) for other in hidden))
    return {
        "writable": [*(str(path) for path in own), "/dev", "/proc"],
        "readable": [str(path) for path in (*_around(Path("/"), hidden), *safe)],
    }


def _around(folder: Path, closed: Sequence[Path]) -> Iterator[Path]:
    """Yield the fewest folders and files that cover `folder` without the closed folders."""
    inside = [path for path in closed if path.is_relative_to(folder)]
    if not inside:
        yield folder
    elif folder not in inside and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if not path.is_symlink():  # its target is visited under its own path
                yield from _around(path, inside)
