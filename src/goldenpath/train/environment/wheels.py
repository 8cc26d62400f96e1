"""The wheels of a lock that a release carries: chosen by what is installed, fetched by hash.

uv keeps wheels unpacked, so pip fetches the very files that the lock names, from the addresses that
stand in it. They are kept by hash between builds, and hashed again each time they are used.
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
from goldenpath.train.environment.uv_lock import Locked
from goldenpath.train.training_run import Package


def served_names(root: Path, uv: str, environment: Mapping[str, str]) -> frozenset[str]:
    """Packages that `project.dependencies` of `pyproject.toml` needs, by the lock.

    Dependency groups (for development, or for training alone) are not among them.
    """
    done = subprocess.run(
        [uv, "export", "--frozen", "--offline", "--no-default-groups", "--no-emit-project",
         "--no-annotate", "--no-header", "--no-hashes", "--quiet"],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Unavailable(f"uv could not read the lock: {done.stderr.strip()[-2000:]}")
    lines = (line.partition(";")[0].strip() for line in done.stdout.splitlines())
    return frozenset(line.partition("==")[0] for line in lines if "==" in line)


def choose(
    installed: Iterable[Package], locked: Sequence[Locked], served: frozenset[str]
) -> tuple[tuple[Wheel, str], ...]:
    """The wheel of each served package that is installed, and its address.

    Raises `InvalidInput` if a package was built from sources, for then there is no wheel to carry.
    """
    files = {
        digest: (name, entry.places[name])
        for entry in locked
        for name, digest in entry.files.items()
    }
    found = []
    for package in installed:
        if package.name not in served:
            continue
        name, place = files[package.hashes[0]] if len(package.hashes) == 1 else ("", "")
        if not name.endswith(".whl"):
            raise InvalidInput(
                f"{package.name} {package.version} has no wheel in the lock that fits here, and a "
                "model that is code is packed with the wheels of its environment",
                hint="take a release that has one, or move the package to a dependency group",
            )
        found.append((Wheel(package.name, package.version, name, package.hashes[0]), place))
    return tuple(sorted(found, key=lambda each: each[0].file))


def fetch(
    chosen: Sequence[tuple[Wheel, str]], kept: Path, python: Path, environment: Mapping[str, str]
) -> Mapping[str, Path]:
    """Each wheel by its file name, in the folder `kept`, fetched where it is not there yet.

    Raises `Unavailable` if one cannot be had with the hash of the lock.
    """
    paths = {wheel.file: _path(kept, wheel) for wheel, _ in chosen}
    absent = [(wheel, place) for wheel, place in chosen if not _is_whole(paths[wheel.file], wheel)]
    if absent:
        _download(absent, kept, python, environment)
    return paths


def _path(kept: Path, wheel: Wheel) -> Path:
    return kept / wheel.digest.removeprefix("sha256:") / wheel.file


def _is_whole(path: Path, wheel: Wheel) -> bool:
    return path.is_file() and not path.is_symlink() and digest_file(path).text == wheel.digest


def _download(
    absent: Sequence[tuple[Wheel, str]], kept: Path, python: Path, environment: Mapping[str, str]
) -> None:
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept) as scratch:
        asked = Path(scratch) / "wheels.txt"
        lines = [f"{wheel.name} @ {place} --hash={wheel.digest}\n" for wheel, place in absent]
        asked.write_text("".join(lines), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(python), "download", "--quiet",
             "--disable-pip-version-check", "--no-deps", "--no-input", "--only-binary", ":all:",
             "--require-hashes", "--dest", scratch, "--requirement", str(asked)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = done.stderr.strip()[-2000:]
            raise Unavailable(f"pip could not fetch the wheels of the lock: {said}")
        for wheel, _ in absent:
            came = Path(scratch) / wheel.file
            if not _is_whole(came, wheel):
                raise Unavailable(f"pip fetched another {wheel.file} than the lock names")
            path = _path(kept, wheel)
            path.parent.mkdir(exist_ok=True)
            with came.open("rb") as file:
                os.fsync(file.fileno())
            came.replace(path)
