"""The locked environment of a training: checked, made by uv, and recorded with all wheel hashes."""

import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from email.message import Message
from email.parser import Parser
from importlib.metadata import PathDistribution
from itertools import product
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.settings import TRAINING_LOCALE
from goldenpath.train.environment.bundled import bundled_in
from goldenpath.train.environment.hardware import cpu, cpu_features, frame
from goldenpath.train.environment.uv_lock import FILE, LockedPackage
from goldenpath.train.training_run import Environment, Package

_STALE = "needs to be updated"
"""uv's message for a stale lock. Its exit status is the same for every failure."""


def read_lock(root: Path) -> bytes:
    """Return the bytes of the lock. Raises `InvalidInput` if there is none."""
    path = root / FILE
    if not path.is_file():
        raise InvalidInput(f"{path} is missing: expected a lock of uv", hint="run uv lock")
    return path.read_bytes()


def refuse_stale(root: Path, uv: str, environment: Mapping[str, str]) -> None:
    """Raise `InvalidInput` if the lock does not fit `pyproject.toml`.

    Raises `Unavailable` if uv cannot check it.
    """
    process = _uv([uv, "lock", "--check", "--quiet"], root, environment)
    message = " ".join(process.stderr.split())
    if _STALE in message:
        raise InvalidInput(
            f"{root / FILE} is stale: pyproject.toml has other requirements than the lock",
            hint="run uv lock and commit uv.lock",
        )
    if process.returncode != 0:
        raise Unavailable(f"uv could not check {root / FILE}: {message[-2000:]}")


def make_environment(root: Path, folder: Path, uv: str, environment: Mapping[str, str]) -> Path:
    """Install the packages of the lock, without the project itself. Returns the interpreter.

    Raises `Unavailable` if a package cannot be fetched, or has another hash than in the lock.
    """
    command = [uv, "sync", "--locked", "--no-install-project", "--no-compile-bytecode", "--quiet"]
    process = _uv(command, root, {**environment, "UV_PROJECT_ENVIRONMENT": str(folder)})
    if process.returncode != 0:
        raise Unavailable(f"uv could not make the environment: {process.stderr.strip()[-2000:]}")
    return folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")


def describe(
    folder: Path, python: Path, lock: bytes, packages: Sequence[LockedPackage], *, uv: str
) -> Environment:
    """Return the record of the environment in `folder`, with the hashes from the lock."""
    version = _line([str(python), "-c", "import platform; print(platform.python_version())"])
    return Environment(
        lock_digest=Digest.of(lock).text,
        python=version,
        platform=platform.platform(),
        cpu=cpu(),
        packages=tuple(_packages(folder, packages)),
        uv=_line([uv, "--version"]).removeprefix("uv ").split(" ")[0],
        cpu_features=cpu_features(),
        locale=TRAINING_LOCALE,
        frame=frame(),
    )


def _packages(folder: Path, locked: Sequence[LockedPackage]) -> Iterator[Package]:
    known = {(entry.name, entry.version): entry for entry in locked}
    for path in sorted(folder.glob("[Ll]ib/**/site-packages/*.dist-info")):
        installed = PathDistribution(path)
        text = installed.read_text("METADATA") or ""
        metadata = Parser().parsestr(text, headersonly=True)
        name = str(metadata["Name"]).lower().replace("_", "-").replace(".", "-")
        entry = known.get((name, str(metadata["Version"])))
        if entry is None:
            raise Unavailable(f"the environment has {name} {metadata['Version']}, not in the lock")
        hashes, licence = _hashes(entry, installed), licence_of(metadata)
        yield Package(name, entry.version, hashes, licence, bundled_in(installed))


def _hashes(entry: LockedPackage, installed: PathDistribution) -> tuple[str, ...]:
    """Return the hash of the installed wheel, recognized by its tags.

    If no wheel has these tags, all hashes that the lock allows are returned.
    """
    wheel = Parser().parsestr(installed.read_text("WHEEL") or "", headersonly=True)
    tags = set(wheel.get_all("Tag", []))
    for name, digest in entry.files.items():
        if name.endswith(".whl") and set(_tags(name)) == tags:
            return (digest,)
    return tuple(sorted(entry.files.values()))


def _tags(name: str) -> Iterator[str]:
    """Yield the tags in the file name of a wheel (binary distribution format, PEP 427)."""
    parts = (part.split(".") for part in name.removesuffix(".whl").split("-")[-3:])
    return ("-".join(tag) for tag in product(*parts))


def licence_of(metadata: "Message[str, str]") -> str:
    """Return the SPDX expression (PEP 639), else the classifiers, else a short licence text."""
    if expression := metadata["License-Expression"]:
        return str(expression)
    classifiers = [str(value).split(" :: ") for value in metadata.get_all("Classifier", [])]
    named = [parts[-1] for parts in classifiers if parts[0] == "License"]
    if named:
        return ", ".join(sorted(named))
    text = str(metadata["License"] or "").strip()
    return text if len(text) <= 100 and "\n" not in text else ""


def _uv(
    command: list[str], root: Path, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be started", hint="install uv") from error


def _line(command: list[str]) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return process.stdout.strip()
