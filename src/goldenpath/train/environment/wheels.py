"""The wheels that a release contains: chosen from the lock by what is installed, fetched by hash.

uv keeps wheels unpacked, so pip fetches the files from the addresses in the lock. Wheels are kept
by hash between builds, and are hashed again each time they are used.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.project.data_digest import digest_file
from goldenpath.train.environment.runtime import Wheel
from goldenpath.train.environment.uv_lock import LockedPackage
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.training_run import Package


def served_names(source: Path, uv: Uv) -> frozenset[str]:
    """Return the packages of the lock that `project.dependencies` of `pyproject.toml` needs.

    Dependency groups (for development, or for training alone) are left out. Raises `Unavailable` if
    uv cannot read the lock.
    """
    arguments = (
        "export", "--frozen", "--offline", "--no-default-groups", "--no-emit-project",
        "--no-annotate", "--no-header", "--no-hashes", "--quiet",
    )  # fmt: skip
    process = uv.check(arguments, source)
    if process.returncode != 0:
        raise Unavailable(f"uv could not read the lock: {process.stderr.strip()[-2000:]}")
    lines = (line.partition(";")[0].strip() for line in process.stdout.splitlines())
    return frozenset(line.partition("==")[0] for line in lines if "==" in line)


def choose_wheels(
    installed: Iterable[Package], locked: Sequence[LockedPackage], served: frozenset[str]
) -> tuple[tuple[Wheel, str], ...]:
    """Return the wheel of each installed package that is served, and its address.

    Raises `InvalidInput` if a package was built from sources, because then it has no wheel.
    """
    files = {
        digest: (name, entry.addresses[name])
        for entry in locked
        for name, digest in entry.files.items()
    }
    chosen = []
    for package in installed:
        if package.name not in served:
            continue
        name, address = files[package.hashes[0]] if len(package.hashes) == 1 else ("", "")
        if not name.endswith(".whl"):
            raise InvalidInput(
                f"{package.name} {package.version} has no wheel in the lock that fits here, and a "
                "model that is code is packed with the wheels of its environment",
                hint="lock a version with a wheel, or move the package to a dependency group",
            )
        chosen.append((Wheel(package.name, package.version, name, package.hashes[0]), address))
    return tuple(sorted(chosen, key=lambda pair: pair[0].file))


def fetch_wheels(
    chosen: Sequence[tuple[Wheel, str]], kept: Path, environment: Mapping[str, str]
) -> Mapping[str, Path]:
    """Return the path of each wheel in the folder `kept`, by file name. Fetches missing wheels.

    Raises `Unavailable` if a wheel cannot be fetched with the hash of the lock.
    """
    paths = {wheel.file: _path(kept, wheel) for wheel, _ in chosen}
    missing = [pair for pair in chosen if not _is_whole(paths[pair[0].file], pair[0])]
    if missing:
        _download(missing, kept, environment)
    return paths


def _path(kept: Path, wheel: Wheel) -> Path:
    return kept / wheel.digest.removeprefix("sha256:") / wheel.file


def _is_whole(path: Path, wheel: Wheel) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path).text == wheel.digest


def _download(
    missing: Sequence[tuple[Wheel, str]], kept: Path, environment: Mapping[str, str]
) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept) as scratch:
        requirements = Path(scratch) / "wheels.txt"
        lines = [f"{wheel.name} @ {address} --hash={wheel.digest}\n" for wheel, address in missing]
        requirements.write_text("".join(lines), "utf-8")
        process = subprocess.run(
            # With our own interpreter: that of the project would run the code of its packages.
            [sys.executable, "-m", "pip", "download", "--quiet",
             "--disable-pip-version-check", "--no-deps", "--no-input", "--only-binary", ":all:",
             "--require-hashes", "--dest", scratch, "--requirement", str(requirements)],
            cwd=scratch, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if process.returncode != 0:
            reason = process.stderr.strip()[-2000:]
            raise Unavailable(f"pip could not fetch the wheels of the lock: {reason}")
        for wheel, _ in missing:
            download = Path(scratch) / wheel.file
            if not _is_whole(download, wheel):
                raise Unavailable(f"pip fetched another {wheel.file} than the lock names")
            path = _path(kept, wheel)
            path.parent.mkdir(exist_ok=True)
            with download.open("rb") as file:
                os.fsync(file.fileno())
            download.replace(path)
