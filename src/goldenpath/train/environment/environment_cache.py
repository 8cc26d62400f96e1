"""Environments that stay from one build to the next, so that a build need not make its own.

Kept only where the kernel confines what a project runs (Landlock): then nothing a project runs can
write here, and an environment is the one that uv made from the lock. The key is the lock, what asks
for it, and the interpreter. Modules that a build has imported are compiled before the next one: by
their names, from the files of the environment, never from what the build wrote. A build holds the
one it uses, and what somebody holds is not removed.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import Unavailable
from goldenpath.files import locked, write_whole

KEPT = 4
"""Environments that stay; those used longest ago go first, but none that a build holds."""
_COMPLETE, _MODULES, _COMPILED, _HELD = "complete", "modules.txt", "compiled", "held"
_MAX_MODULES = 20_000


@dataclass(frozen=True, slots=True)
class CachedEnvironment:
    """An environment that is complete."""

    folder: Path
    python: Path
    is_compiled: bool

    @property
    def environment(self) -> Path:
        """The virtual environment itself."""
        return self.folder / "environment"


def key_of(root: Path, lock: bytes, uv: str, tools: Mapping[str, str]) -> str:
    """The name of the environment that this project would get from this uv here."""
    python = Path(tools.get("UV_PYTHON", "python")).resolve()
    changed = python.stat().st_mtime_ns if python.exists() else 0
    asked = (root / "pyproject.toml").read_bytes()
    parts = (lock, asked, f"{python} {changed} {uv}".encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@contextmanager
def keep(kept: Path, key: str, make: Callable[[Path], Path]) -> Iterator[CachedEnvironment]:
    """The environment of that key, made by `make` if it is not there; nobody removes it meanwhile.

    Raises `Unavailable` if the folder cannot be used.
    """
    with ExitStack() as held:
        try:
            place = _taken(kept, kept / key, make, held)
        except OSError as error:
            raise Unavailable(f"{kept / key} cannot be used: {error}") from error
        yield place


def _taken(
    kept: Path, folder: Path, make: Callable[[Path], Path], held: ExitStack
) -> CachedEnvironment:
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(kept / "lock"):
        if not (folder / _COMPLETE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            python = make(folder / "environment")
            write_whole(folder / _COMPLETE, str(python).encode(), 0o600)
        os.utime(folder)
        python = Path((folder / _COMPLETE).read_text("utf-8"))
        _compile(folder, python)
        mark = _open(folder / _HELD)
        held.callback(os.close, mark)
        fcntl.flock(mark, fcntl.LOCK_SH)
        _forget(kept)
    return CachedEnvironment(folder, python, (folder / _COMPILED).is_file())


def learn(place: CachedEnvironment | None, bytecode: Path) -> None:
    """Remembers by name which modules of a kept environment a build has compiled for itself."""
    if place is None:
        return
    beside = bytecode / place.environment.resolve().relative_to("/")
    if place.is_compiled or not beside.is_dir():
        return
    names = {
        (path.parent / (path.name.partition(".cpython-")[0] + ".py")).relative_to(beside).as_posix()
        for path in beside.rglob("*.pyc")
    }
    text = "".join(f"{name}\n" for name in sorted(names)[:_MAX_MODULES] if name.isprintable())
    write_whole(place.folder / _MODULES, text.encode(), 0o600)


def _compile(folder: Path, python: Path) -> None:
    listed, environment = folder / _MODULES, (folder / "environment").resolve()
    if (folder / _COMPILED).is_file() or not listed.is_file():
        return
    paths = [environment / name for name in listed.read_text("utf-8").splitlines()]
    known = [path for path in paths if path.resolve().is_relative_to(environment)]
    known = [path for path in known if path.is_file()]
    subprocess.run(
        [str(python), "-I", "-S", "-m", "compileall", "-q", "-j", "2", "-i", "-"],
        input="".join(f"{path}\n" for path in known).encode(),
        env={}, capture_output=True, check=False,  # what cannot be compiled is no module here
    )  # fmt: skip
    write_whole(folder / _COMPILED, b"", 0o600)


def _forget(kept: Path) -> None:
    places = [path for path in kept.iterdir() if path.is_dir()]
    places.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for place in places[KEPT:]:
        mark = _open(place / _HELD)
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(place, ignore_errors=True)
        finally:
            os.close(mark)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
