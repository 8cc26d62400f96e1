"""Rebuilds the environment of a `python` model from its wheels, offline and by hash.

No index is asked, no cache is used and nothing is built from sources. uv compares the hash of every
wheel while it installs it, in a sandbox without the network. The caller has verified the release
before, and keeps `wheels` in a folder where nobody else can write until the function returns.
"""

import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.processes.confinement import Confinement, Sandbox, interpreter_files
from goldenpath.train.environment.runtime import Runtime

_TEMPORARY = 2048


def rebuild_environment(
    runtime: Runtime,
    wheels: Path,
    destination: Path,
    *,
    uv: str,
    environment: Mapping[str, str],
    confinement: Confinement,
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
        own = _identity(interpreter)
        command = _installation(runtime, wheels, destination, compiled=compiled)
        _install(command, runtime, wheels, destination, uv=uv, confinement=confinement)
        _refuse_other(interpreter, own)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise
    return interpreter


def _identity(interpreter: Path) -> tuple[Path, bytes]:
    return interpreter.resolve(), (interpreter.parents[1] / "pyvenv.cfg").read_bytes()


def _refuse_other(interpreter: Path, own: tuple[Path, bytes]) -> None:
    if _identity(interpreter) != own:
        raise VerificationError(f"a wheel of the environment replaced {interpreter}")


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


def _installation(
    runtime: Runtime, wheels: Path, destination: Path, *, compiled: bool
) -> list[str]:
    """Return the arguments with which uv installs the wheels, each by its hash."""
    requirements = destination / "wheels.txt"
    folder = wheels.absolute()
    lines = (f"{folder / wheel.file} --hash={wheel.digest}\n" for wheel in runtime.wheels)
    requirements.write_text("".join(lines), "utf-8")
    return [
        "pip", "install", "--quiet", "--offline", "--no-cache", "--no-index", "--no-deps",
        "--no-build", "--require-hashes", *(["--compile-bytecode"] if compiled else []),
        "--python", str(destination / "bin" / "python"), "--requirement", str(requirements),
    ]  # fmt: skip


def _install(
    arguments: list[str],
    runtime: Runtime,
    wheels: Path,
    destination: Path,
    *,
    uv: str,
    confinement: Confinement,
) -> None:
    """Install the wheels in a sandbox: to compile them, uv starts their interpreter with `site`."""
    program = Path(shutil.which(uv) or uv)
    temporary = destination / ".installing"
    temporary.mkdir()
    python = destination / "bin" / "python"
    sandbox = Sandbox(
        readable=(program, wheels, *wheels.iterdir(), *interpreter_files(python)),
        writable=(destination,),
        temporary=_TEMPORARY,
    )
    variables = {
        "PATH": "/usr/bin:/bin", "HOME": str(temporary), "TMPDIR": str(temporary),
        "UV_PYTHON_DOWNLOADS": "never", "UV_NO_CONFIG": "1", "UV_LINK_MODE": "copy",
    }  # fmt: skip
    process = _run(confinement.command([str(program), *arguments], sandbox, destination), variables)
    shutil.rmtree(temporary)
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
