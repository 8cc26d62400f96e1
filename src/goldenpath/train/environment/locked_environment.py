"""The locked environment: checked, made by uv, and written down with the hash of every wheel."""

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
from goldenpath.train.environment.uv_lock import FILE, Locked
from goldenpath.train.training_run import Environment, Package

_STALE = "needs to be updated"
"""What uv says of a lock that does not fit; its exit status is that of any failure."""


def read_lock(root: Path) -> bytes:
    """The bytes of the lock. Raises `InvalidInput` if there is none."""
    path = root / FILE
    if not path.is_file():
        raise InvalidInput(f"{path} is missing: expected the lock of uv", hint="run uv lock")
    return path.read_bytes()


def refuse_stale(root: Path, uv: str, environment: Mapping[str, str]) -> None:
    """Raises `InvalidInput` if the lock is not the one that `pyproject.toml` asks for."""
    done = _uv([uv, "lock", "--check", "--quiet"], root, environment)
    said = " ".join(done.stderr.split())
    if _STALE in said:
        raise InvalidInput(
            f"{root / FILE} is stale: pyproject.toml asks for something else than it has",
            hint="run uv lock and commit uv.lock",
        )
    if done.returncode != 0:
        raise Unavailable(f"uv could not check {root / FILE}: {said[-2000:]}")


def make_environment(root: Path, folder: Path, uv: str, environment: Mapping[str, str]) -> Path:
    """Makes the environment of the lock, without the project itself; its Python interpreter.

    Raises `Unavailable` if a package cannot be had, or has another hash than the lock says.
    """
    command = [uv, "sync", "--locked", "--no-install-project", "--no-compile-bytecode", "--quiet"]
    done = _uv(command, root, {**environment, "UV_PROJECT_ENVIRONMENT": str(folder)})
    if done.returncode != 0:
        raise Unavailable(f"uv could not make the environment: {done.stderr.strip()[-2000:]}")
    return folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")


def describe(
    folder: Path, python: Path, lock: bytes, packages: Sequence[Locked], *, uv: str
) -> Environment:
    """What is installed in `folder`, with what the lock says of it."""
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


def _packages(folder: Path, locked: Sequence[Locked]) -> Iterator[Package]:
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


def _hashes(entry: Locked, installed: PathDistribution) -> tuple[str, ...]:
    """The hash of the wheel that was installed, told by its tags; else each that is allowed."""
    wheel = Parser().parsestr(installed.read_text("WHEEL") or "", headersonly=True)
    tags = set(wheel.get_all("Tag", []))
    for name, digest in entry.files.items():
        if name.endswith(".whl") and set(_tags(name)) == tags:
            return (digest,)
    return tuple(sorted(entry.files.values()))


def _tags(name: str) -> Iterator[str]:
    """The tags of a wheel from its file name (binary distribution format, PEP 427)."""
    parts = (part.split(".") for part in name.removesuffix(".whl").split("-")[-3:])
    return ("-".join(tag) for tag in product(*parts))


def licence_of(metadata: "Message[str, str]") -> str:
    """The SPDX expression if there is one (PEP 639), else what classifiers or the text say."""
    if expression := metadata["License-Expression"]:
        return str(expression)
    classifiers = [str(each).split(" :: ") for each in metadata.get_all("Classifier", [])]
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
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()
