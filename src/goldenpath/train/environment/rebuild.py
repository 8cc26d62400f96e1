"""Rebuilds the environment of a `python` model from its wheels, offline and by hash.

No index is asked, no cache is used and nothing is built from sources. uv compares the hash of every
wheel while it installs it. The caller has verified the release before, and keeps `wheels` in a
folder where nobody else can write until the function returns.
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
    """Make the new virtual environment `destination`. Returns its interpreter.

    `wheels` is a folder with every wheel of `runtime` under its file name. `python` is the
    interpreter to use (a path or a version). By default uv looks for the recorded version on this
    machine. `compiled` compiles all modules now, so that the first start is fast.

    Raises `Unavailable` if that Python is not installed or the folder cannot be written. Raises
    `VerificationError` if a wheel is missing or differs, or the interpreter has another version.
    """
    if destination.exists() or destination.is_symlink():
        raise InvalidInput(f"folder {destination} exists already: expected a new folder")
    variables = {**environment, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1"}
    try:
        interpreter = _venv(runtime, destination, uv, variables, python=python or runtime.python)
        _install(runtime, wheels, destination, uv, variables=variables, compiled=compiled)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise
    return interpreter


def installed(folder: Path) -> Mapping[str, str]:
    """Return the version of each package in a virtual environment, by its name in the lock."""
    paths = [str(path) for path in sorted(folder.glob("[Ll]ib/**/site-packages"))]
    return {
        package.metadata["Name"].lower().replace("_", "-").replace(".", "-"): package.version
        for package in distributions(path=paths)
    }


def _venv(
    runtime: Runtime, destination: Path, uv: str, variables: Mapping[str, str], *, python: str
) -> Path:
    command = [uv, "venv", "--quiet", "--offline", "--python", python, str(destination)]
    process = _run(command, variables)
    if process.returncode != 0:
        raise Unavailable(
            f"no environment of Python {runtime.python} can be made here: "
            f"{process.stderr.strip()[-1000:]}",
            hint=f"install Python {runtime.python}",
        )
    interpreter = destination / "bin" / "python"
    print_version = [
        str(interpreter),
        "-I",
        "-S",
        "-c",
        "import platform; print(platform.python_version())",
    ]
    version = _run(print_version, variables).stdout.strip()
    if version != runtime.python:
        raise VerificationError(
            f"{interpreter} has the wrong version: expected Python {runtime.python}, got {version}"
        )
    return interpreter


def _install(
    runtime: Runtime,
    wheels: Path,
    destination: Path,
    uv: str,
    *,
    variables: Mapping[str, str],
    compiled: bool,
) -> None:
    requirements = destination / "wheels.txt"
    folder = wheels.absolute()
    lines = (f"{folder / wheel.file} --hash={wheel.digest}\n" for wheel in runtime.wheels)
    requirements.write_text("".join(lines), "utf-8")
    process = _run(
        [uv, "pip", "install", "--quiet", "--offline", "--no-cache", "--no-index", "--no-deps",
         "--no-build", "--require-hashes", *(["--compile-bytecode"] if compiled else []),
         "--python", str(destination / "bin" / "python"), "--requirement", str(requirements)],
        variables,
    )  # fmt: skip
    if process.returncode != 0:
        raise VerificationError(
            f"the environment cannot be made from its wheels: {process.stderr.strip()[-1000:]}"
        )
    # Files inside a wheel decide the name and version that it installs: compare these, too.
    packages = installed(destination)
    expected = {wheel.name: wheel.version for wheel in runtime.wheels}
    if packages != expected:
        raise VerificationError(
            f"the environment has the wrong packages: expected {expected}, got {packages}"
        )


def _run(command: list[str], variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be started", hint="install uv") from error
