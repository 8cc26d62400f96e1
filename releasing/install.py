"""Installs goldenpath from this folder into an environment of its own, without a network.

    python3 install.py ENVIRONMENT [--key PUBLIC-KEY.pem]

Needs the Python that the manifest names, and nothing else. First every file is held against
`manifest.json`; then pip installs by digest from `wheelhouse/` alone. With the public key of
whoever released, the installed files are held against the signed statement, too; get that key on
another way than this folder. Exit codes: 2 fix the call, 4 a file is not as it was published.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve().parent
MANIFEST = "manifest.json"


def main() -> None:
    """Checks the folder, makes the environment, installs, and verifies what is installed."""
    parser = argparse.ArgumentParser(description="Install goldenpath without a network.")
    parser.add_argument("environment", type=Path, help="folder of the environment to make")
    parser.add_argument("--key", type=Path, help="public key (PEM) of whoever released")
    wanted = parser.parse_args()
    manifest = json.loads((HERE / MANIFEST).read_bytes())
    _require_platform(manifest)
    _require_whole(manifest["files"])
    python = _environment(wanted.environment)
    _install(python)
    _verify(python, manifest["statement"], wanted.key)
    print(f"goldenpath {manifest['version']} is installed: {python.parent / 'goldenpath'}")


def _require_platform(manifest: dict[str, str]) -> None:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine = f"{platform.system().lower()}-{platform.machine()}"
    if (python, machine) != (manifest["python"], manifest["platform"]):
        _end(
            2,
            f"this is Python {python} on {machine}: expected {manifest['python']} on "
            f"{manifest['platform']}",
            f"run python{manifest['python']} install.py, or take the bundle for this machine",
        )


def _require_whole(files: dict[str, str]) -> None:
    """Every file has the digest of the manifest, and none is there besides."""
    present = {
        path.relative_to(HERE).as_posix()
        for path in HERE.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    for name in sorted(present - set(files) - {MANIFEST}):
        _end(4, f"{name} is not in {MANIFEST}", "unpack the bundle again, into an empty folder")
    for name, expected in sorted(files.items()):
        file = HERE / name
        if not file.is_file() or file.is_symlink():
            _end(4, f"{name} is missing", "unpack the bundle again, into an empty folder")
        with file.open("rb") as opened:
            got = hashlib.file_digest(opened, "sha256").hexdigest()
        if got != expected:
            _end(
                4, f"{name} has the wrong digest: expected {expected}, got {got}", "fetch it again"
            )


def _environment(folder: Path) -> Path:
    python = folder.absolute() / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder)])
    return python


def _install(python: Path) -> None:
    _run(
        [
            str(python), "-m", "pip", "install", "--isolated", "--no-index", "--no-cache-dir",
            "--disable-pip-version-check", "--quiet", "--only-binary", ":all:", "--no-deps",
            "--require-hashes", "--find-links", str(HERE / "wheelhouse"),
            "--requirement", str(HERE / "requirements.txt"),
        ]
    )  # fmt: skip


def _verify(python: Path, statement: str, key: Path | None) -> None:
    command = [str(python.parent / "goldenpath"), "verify-self"]
    if key is not None:
        command += ["--statement", str(HERE / statement), "--key", str(key)]
    _run(command)


def _run(command: list[str]) -> None:
    """Runs a command without the settings that could lead pip elsewhere; ends with its code."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))
    }
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode != 0:
        _end(done.returncode, f"{command[0]} failed, see above", "nothing else was changed")


def _end(code: int, message: str, hint: str) -> NoReturn:
    print(f"error: {message}\nhint: {hint}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
