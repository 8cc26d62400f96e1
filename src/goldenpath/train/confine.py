"""What a program of a project is told to take away from itself: where it may write and read.

Landlock only knows what is allowed. So that the keys of the platform are closed and everything
that a training may need stays open, what is allowed to be read is all that lies around them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from goldenpath.train.environment.hardware import can_confine


def confined(
    own: Sequence[Path], shared: Sequence[Path], closed: Sequence[Path]
) -> dict[str, object]:
    """The limits of a program that writes below `own`, for `runner.py`.

    It reads no file below `closed`, but those below `own` and `shared` also there. Empty where the
    kernel cannot confine a program.
    """
    if not can_confine():
        return {}
    shut = [path.resolve() for path in closed]
    named = [path.resolve() for path in (*own, *shared)]
    apart = (path for path in named if not any(each.is_relative_to(path) for each in shut))
    return {
        "writable": [*(str(path) for path in own), "/dev", "/proc"],
        "readable": [str(path) for path in (*_around(Path("/"), shut), *apart)],
    }


def _around(folder: Path, closed: Sequence[Path]) -> Iterator[Path]:
    """The fewest folders and files that hold everything below `folder` but what is closed."""
    inside = [each for each in closed if each.is_relative_to(folder)]
    if not inside:
        yield folder
    elif folder not in inside and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if not path.is_symlink():  # what it points to is found where it lies
                yield from _around(path, inside)
