"""Runs uv in a sandbox, so that whatever it starts reads no more than it needs.

There are three kinds of calls. `fetch` has the network and the user's credentials, and starts no
foreign code. `build` may start foreign code with the network, and has no credentials. `check` may
start foreign code, and has neither.
"""

import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.processes.confinement import Confinement, Sandbox, interpreter_files
from goldenpath.settings import authority_files, uv_cache, uv_credentials, uv_environment

_SECONDS = 3600.0
_TEMPORARY, _MOST_TASKS = 2048, 4096
_LARGEST, _MAX_FILES = 16 * 1024 * 1024, 20_000
_LEFT_OUT = frozenset({".git", ".venv", "venv", ".goldenpath", "data", "mlruns", "node_modules"})


_NOTHING: Mapping[str, bytes] = MappingProxyType({})
_OTHER_PYTHON = (
    "incompatible with the project's Python requirement",
    "incompatible with the project Python requirement",
    "No interpreter found",
)
"""What uv says if this interpreter is none that the project takes."""


def refuse_other_python(words: str, python: Path) -> None:
    """Raise `InvalidInput` if uv says that a project needs another Python than this machine's."""
    lines = [line for line in words.splitlines() if any(each in line for each in _OTHER_PYTHON)]
    if lines:
        raise InvalidInput(
            f"the project needs another Python than {python}: {lines[-1][:500]}",
            hint="run goldenpath with a Python that the project takes; or change requires-python "
            "in pyproject.toml, run uv lock and commit both",
        )


@dataclass(frozen=True, slots=True)
class Uv:
    """The program uv, with the environment variables of the user and the machine's confinement."""

    program: str
    tools: Mapping[str, str]
    confinement: Confinement

    @property
    def python(self) -> Path:
        """The interpreter that uv makes environments from, without our own environment."""
        named = self.tools.get("UV_PYTHON") or sys.executable
        return Path(shutil.which(named) or named).resolve()

    def fetch(
        self, arguments: Sequence[str], root: Path, target: Path
    ) -> "subprocess.CompletedProcess[str]":
        """Run uv with network and credentials. It installs into `target`, and builds nothing."""
        cache = uv_cache(self.tools)
        cache.mkdir(parents=True, exist_ok=True)
        sandbox = Sandbox(
            readable=(root, *self._files, *uv_credentials(self.tools)),
            writable=(_emptied(target), cache),
            network=True,
            temporary=_TEMPORARY,
        )
        places = {"UV_CACHE_DIR": str(cache), "UV_PROJECT_ENVIRONMENT": str(target)}
        variables = {**self.tools, **places, "UV_LINK_MODE": "copy"}
        return self._run([*arguments, "--no-build"], root, sandbox, variables)

    def build(
        self, arguments: Sequence[str], root: Path, target: Path
    ) -> "subprocess.CompletedProcess[str]":
        """Run uv with the network, which may run the code of packages to build them.

        Its cache is a folder of its own: such code could put other packages into the user's.
        """
        with _scratch(target.parent) as scratch:
            sandbox = Sandbox(
                readable=(root, *self._files),
                writable=(_emptied(target), scratch),
                network=True,
                temporary=_TEMPORARY,
                most_tasks=_MOST_TASKS,
            )
            variables = {
                **uv_environment(self.tools, scratch),
                "UV_PROJECT_ENVIRONMENT": str(target),
                "UV_LINK_MODE": "copy",
            }
            return self._run(arguments, root, sandbox, variables)

    def check(
        self,
        arguments: Sequence[str],
        root: Path,
        *,
        network: bool = False,
        place: str = "",
        around: Mapping[str, bytes] = _NOTHING,
    ) -> "subprocess.CompletedProcess[str]":
        """Run uv on a copy of the project, which may run the project's own code.

        `around` are files of the workspace, by their paths, in which the project has the `place`.
        """
        with tempfile.TemporaryDirectory(prefix="goldenpath-uv-") as folder:
            copy, scratch = Path(folder) / "project", Path(folder) / "scratch"
            _copy_small(root, copy / place)
            for name, content in around.items():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes(content)
            scratch.mkdir()
            sandbox = Sandbox(
                readable=self._files, writable=(Path(folder),), network=network,
                temporary=_TEMPORARY, most_tasks=_MOST_TASKS,
            )  # fmt: skip
            return self._run(arguments, copy / place, sandbox, uv_environment(self.tools, scratch))

    @property
    def _files(self) -> tuple[Path, ...]:
        program = Path(shutil.which(self.program) or self.program)
        return (program, *interpreter_files(self.python), *authority_files(self.tools))

    def _run(
        self,
        arguments: Sequence[str],
        folder: Path,
        sandbox: Sandbox,
        variables: Mapping[str, str],
    ) -> "subprocess.CompletedProcess[str]":
        program = shutil.which(self.program)
        if program is None:
            raise Unavailable(f"{self.program} cannot be started", hint="install uv")
        command = self.confinement.command([program, *arguments], sandbox, folder)
        try:
            return subprocess.run(
                command, cwd=folder, env={**variables, "UV_PYTHON": str(self.python)},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                timeout=_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"uv gave no answer within {_SECONDS:g} seconds") from error
        except OSError as error:
            raise Unavailable(f"{self.program} cannot be started", hint="install uv") from error


def _copy_small(root: Path, target: Path) -> None:
    """Copy what uv and a build backend may look at: no large file, and no folder of tools."""
    number, waiting = 0, [root]
    while waiting:
        folder = waiting.pop()
        (target / folder.relative_to(root)).mkdir(parents=True)
        for path in sorted(folder.iterdir()):
            status = path.lstat()
            if stat.S_ISDIR(status.st_mode) and path.name not in _LEFT_OUT:
                waiting.append(path)
            elif stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
                number += 1
                if number > _MAX_FILES:
                    raise InvalidInput(f"{root} has more than {_MAX_FILES} files")
                shutil.copyfile(path, target / path.relative_to(root))


def _emptied(target: Path) -> Path:
    """Return the folder `target`, new and empty: nothing beside it needs to be writable then."""
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    return target


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=".uv-", dir=parent) as folder:
        yield Path(folder)
