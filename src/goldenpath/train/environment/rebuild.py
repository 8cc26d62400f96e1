"""The environment of a `python` model, made again from its wheels: offline, and by hash.

Nothing is asked of an index, nothing is taken from a cache, nothing is built: every byte that is
installed comes out of a wheel whose hash was compared by uv while it was read. Whoever calls this
has verified the release before, and keeps `wheels` where nobody else can write until it returns.
"""

import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.train.environment.runtime import Runtime


def rebuild_environment(
    runtime: Runtime,
    wheels: Path,
    destination: Path,
    *,
    uv: str,
    environment: Mapping[str, str],
    python: str = "",
    compiled: bool = True,
) -> Path:
    """Makes the virtual environment `destination`, which must not exist; its interpreter.

    `wheels` is a folder with every wheel of `runtime` under its file name. `python` is the
    interpreter to use (a path or a version); without it uv looks for the recorded version and
    downloads none. Modules are `compiled` ahead, so that the first start is not the slow one.

    Raises `Unavailable` if there is no such Python here or the folder cannot be written, and
    `VerificationError` if a wheel is absent or differs, or the interpreter is of another version.
    """
    if destination.exists() or destination.is_symlink():
        raise InvalidInput(f"folder {destination} is there already: name one that is not")
    seen = {**environment, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    try:
        interpreter = _venv(runtime, destination, uv, seen, python=python or runtime.python)
        _install(runtime, wheels, destination, uv, seen=seen, compiled=compiled)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise
    return interpreter


def installed(folder: Path) -> Mapping[str, str]:
    """Name and version of every package in a virtual environment, names as the lock writes them."""
    places = [str(path) for path in sorted(folder.glob("[Ll]ib/**/site-packages"))]
    return {
        each.metadata["Name"].lower().replace("_", "-").replace(".", "-"): each.version
        for each in distributions(path=places)
    }


def _venv(
    runtime: Runtime, destination: Path, uv: str, seen: Mapping[str, str], *, python: str
) -> Path:
    made = _run([uv, "venv", "--quiet", "--offline", "--python", python, str(destination)], seen)
    if made.returncode != 0:
        said = made.stderr.strip()[-1000:]
        raise Unavailable(
            f"no environment of Python {runtime.python} can be made here: {said}",
            hint=f"install Python {runtime.python}",
        )
    interpreter = destination / "bin" / "python"
    asked = [
        str(interpreter),
        "-I",
        "-S",
        "-c",
        "import platform; print(platform.python_version())",
    ]
    version = _run(asked, seen).stdout.strip()
    if version != runtime.python:
        raise VerificationError(f"Python differs: the release has {runtime.python}, here {version}")
    return interpreter


def _install(
    runtime: Runtime,
    wheels: Path,
    destination: Path,
    uv: str,
    *,
    seen: Mapping[str, str],
    compiled: bool,
) -> None:
    asked = destination / "wheels.txt"
    lines = (f"{wheels.absolute() / each.file} --hash={each.digest}\n" for each in runtime.wheels)
    asked.write_text("".join(lines), "utf-8")
    done = _run(
        [uv, "pip", "install", "--quiet", "--offline", "--no-cache", "--no-index", "--no-deps",
         "--no-build", "--require-hashes", *(["--compile-bytecode"] if compiled else []),
         "--python", str(destination / "bin" / "python"), "--requirement", str(asked)],
        seen,
    )  # fmt: skip
    if done.returncode != 0:
        raise VerificationError(
            f"the environment cannot be made from its wheels: {done.stderr.strip()[-1000:]}"
        )
    found, expected = installed(destination), {each.name: each.version for each in runtime.wheels}
    if found != expected:
        raise VerificationError(f"the environment holds {found}: expected {expected}")


def _run(command: list[str], seen: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, env=seen, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be started", hint="install uv") from error
