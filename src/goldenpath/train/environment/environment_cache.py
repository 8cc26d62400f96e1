"""A cache of virtual environments, so that not every build has to install its own.

It is used only where the kernel confines the project's programs. There they cannot
write into the cache, so an environment stays as uv made it from the lock. The key covers the lock,
`pyproject.toml`, the interpreter and uv.

Modules that a build imported are compiled before the next build. Only their names are taken from
the build; the compiled code comes from the files of the environment. A build locks the environment
that it uses, and a locked environment is not removed.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import Unavailable
from goldenpath.files import locked, take_lock, write_whole

MAX_KEPT = 4
"""Number of kept environments. The least recently used go first, but none that a build uses."""
_COMPLETE, _MODULES, _COMPILED, _HELD = "complete", "modules.txt", "compiled", "held"
_MAX_MODULES = 20_000


@dataclass(frozen=True, slots=True)
class CachedEnvironment:
    """A complete environment in the cache."""

    folder: Path
    python: Path
    """Its interpreter."""
    is_compiled: bool
    """Whether the modules of an earlier build are compiled."""

    @property
    def environment(self) -> Path:
        """The folder of the virtual environment itself."""
        return self.folder / "environment"


def cache_key(root: Path, lock: bytes, uv: str, tools: Mapping[str, str]) -> str:
    """Return the cache key of the environment that `uv` would make of this project here."""
    python = Path(tools.get("UV_PYTHON", "python")).resolve()
    modified = python.stat().st_mtime_ns if python.exists() else 0
    requirements = (root / "pyproject.toml").read_bytes()
    parts = (lock, requirements, f"{python} {modified} {uv}".encode())
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@contextmanager
def cached_environment(
    kept: Path, key: str, make: Callable[[Path], Path]
) -> Iterator[CachedEnvironment]:
    """Yield the environment of a key, locked until the block ends. `make` makes a missing one.

    Raises `Unavailable` if the folder cannot be used.
    """
    kept = kept.resolve()  # a link may be gone before the folder is
    with ExitStack() as locks:
        try:
            environment = _acquired(kept, kept / key, make, locks)
        except OSError as error:
            raise Unavailable(f"{kept / key} cannot be used: {error}") from error
        yield environment


def _acquired(
    kept: Path, folder: Path, make: Callable[[Path], Path], locks: ExitStack
) -> CachedEnvironment:
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(kept / "lock"):
        if not _is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            python = make(folder / "environment")
            write_whole(folder / _COMPLETE, str(python).encode(), 0o600)
        os.utime(folder)
        python = Path((folder / _COMPLETE).read_text("utf-8"))
        _compile(folder, python)
        descriptor = _open(folder / _HELD)
        locks.callback(os.close, descriptor)
        take_lock(descriptor, shared=True)
        _evict(kept)
    return CachedEnvironment(folder, python, (folder / _COMPILED).is_file())


def _is_complete(folder: Path) -> bool:
    """Whether the environment was made to its end, in this folder.

    A home that was moved or copied has none of use: an environment knows its own path. The one
    that a copy names may still be there, but no program of this home can reach it.
    """
    try:
        python = Path((folder / _COMPLETE).read_text("utf-8"))
        return python.is_relative_to(folder) and python.exists()
    except FileNotFoundError:
        return False


def record_modules(cached: CachedEnvironment | None, bytecode: Path) -> None:
    """Record the names of the modules that a build imported from a cached environment.

    `bytecode` is the build's `PYTHONPYCACHEPREFIX`.
    """
    if cached is None:
        return
    compiled = bytecode / cached.environment.resolve().relative_to("/")
    if cached.is_compiled or not compiled.is_dir():
        return
    modules = (
        path.parent / f"{path.name.partition('.cpython-')[0]}.py"
        for path in compiled.rglob("*.pyc")
    )
    names = {path.relative_to(compiled).as_posix() for path in modules}
    text = "".join(f"{name}\n" for name in sorted(names)[:_MAX_MODULES] if name.isprintable())
    write_whole(cached.folder / _MODULES, text.encode(), 0o600)


def _compile(folder: Path, python: Path) -> None:
    modules, environment = folder / _MODULES, (folder / "environment").resolve()
    if (folder / _COMPILED).is_file() or not modules.is_file():
        return
    paths = [environment / name for name in modules.read_text("utf-8").splitlines()]
    # The names come from a build: none may lead out of the environment.
    inside = [path for path in paths if path.resolve().is_relative_to(environment)]
    files = [path for path in inside if path.is_file()]
    subprocess.run(
        [str(python), "-I", "-S", "-m", "compileall", "-q", "-j", "2", "-i", "-"],
        input="".join(f"{path}\n" for path in files).encode(),
        env={}, capture_output=True, check=False,  # a file that cannot be compiled is not imported
    )  # fmt: skip
    write_whole(folder / _COMPILED, b"", 0o600)


def _evict(kept: Path) -> None:
    folders = [path for path in kept.iterdir() if path.is_dir()]
    folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in folders[MAX_KEPT:]:
        descriptor = _open(folder / _HELD)
        try:
            if take_lock(descriptor, wait=False):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
