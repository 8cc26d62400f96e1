"""The locked environment of a training: made by uv, and recorded with all wheel hashes.

uv itself runs no foreign code here: it takes the lock as it is and installs wheels only. If a
package has no wheel, its build runs in a sandbox without credentials, and only where the project
declares the network.
"""

import platform
import subprocess
from collections.abc import Iterator, Sequence
from email.message import Message
from email.parser import Parser
from importlib.metadata import PathDistribution
from itertools import product
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.settings import TRAINING_LOCALE
from goldenpath.train.environment.bundled import bundled_in
from goldenpath.train.environment.hardware import cpu, cpu_features, frame
from goldenpath.train.environment.uv_lock import FILE, LockedPackage
from goldenpath.train.environment.uv_program import Uv, refuse_other_python
from goldenpath.train.training_run import Environment, Package

_PRINT_VERSION = "import platform; print(platform.python_version())"
_NEEDS_BUILD = "no-build"
"""The option that uv names if a package has no wheel that fits."""


def make_environment(root: Path, folder: Path, uv: Uv, *, network: bool = False) -> Path:
    """Install the packages of the lock, without the project itself. Returns the interpreter.

    `network` says whether packages without a wheel may be built, which may use the network then.

    Raises `Unavailable` if a package cannot be fetched, or has another hash than in the lock.
    Raises `InvalidInput` if a package has no wheel and may not be built.
    """
    process = uv.fetch(_SYNC, root, folder)
    if process.returncode != 0 and _NEEDS_BUILD in process.stderr:
        if not network:
            raise InvalidInput(
                f"a package of {FILE} has no wheel that fits: {_last_words(process)}",
                hint="lock a version with a wheel; or declare training.network = true, so that "
                "the package is built in the sandbox, with the network and without credentials",
            )
        process = uv.build(_SYNC, root, folder)
    if process.returncode != 0:
        refuse_other_python(process.stderr, uv.python)
        raise Unavailable(f"uv could not make the environment: {_last_words(process)}")
    return own_interpreter(folder, uv)


_SYNC = ("sync", "--frozen", "--no-install-project", "--no-compile-bytecode", "--quiet")


def own_interpreter(folder: Path, uv: Uv) -> Path:
    """Return the interpreter. Raises `VerificationError` if a package replaced it."""
    python = folder / "bin" / "python"
    if not python.is_symlink() or python.resolve() != uv.python.resolve():
        raise VerificationError(
            f"a package replaced the interpreter {python}: expected a link to {uv.python}"
        )
    return python


def _last_words(process: "subprocess.CompletedProcess[str]") -> str:
    return process.stderr.strip()[-2000:]


def describe(
    folder: Path, lock: bytes, packages: Sequence[LockedPackage], *, uv: Uv
) -> Environment:
    """Return the record of the environment in `folder`, with the hashes from the lock."""
    # The interpreter itself, without the packages: nothing of theirs runs.
    version = _line([str(uv.python), "-I", "-S", "-c", _PRINT_VERSION])
    return Environment(
        lock_digest=Digest.of(lock).text,
        python=version,
        platform=platform.platform(),
        cpu=cpu(),
        packages=tuple(_packages(folder, packages)),
        uv=_line([uv.program, "--version"]).removeprefix("uv ").split(" ")[0],
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


def _line(command: list[str]) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return process.stdout.strip()
