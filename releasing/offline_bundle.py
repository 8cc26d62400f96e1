"""A tar with everything that an install without a network needs: wheels, script, digests.

The wheels are those that the lock allows by digest, for the Python and the machine that make the
bundle. The tar is sorted and has the time of the commit, so the same wheels give the same bytes.
"""

import io
import json
import platform
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import Unavailable, VerificationError
from releasing.runtime_lock import Pin
from releasing.wheel_build import BuiltWheel, SourceCommit

SCRIPT = Path(__file__).parent / "install.py"


def requirements(wheel: BuiltWheel, pins: Sequence[Pin]) -> bytes:
    """Every package of the bundle by digest, goldenpath itself among them."""
    own = Pin("goldenpath", wheel.version, (wheel.digest.text,))
    return "".join(f"{pin.line}\n" for pin in (own, *pins)).encode()


def bundle_name(wheel: BuiltWheel) -> str:
    """Name of the folder in the tar, and of the tar without its ending."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return f"goldenpath-{wheel.version}-offline-{python}-{_machine()}"


def fetch_wheels(pins: Sequence[Pin], folder: Path) -> Mapping[str, Path]:
    """The wheel of each pin by file name, from wherever pip is configured to look.

    Raises `Unavailable` if one cannot be had, `VerificationError` if one has another digest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder.parent / "wanted.txt"
    listed.write_text("".join(f"{pin.line}\n" for pin in pins))
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
            "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder),
            "--requirement", str(listed),
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Unavailable(f"the wheels cannot be fetched: {done.stderr.strip()[-500:]}")
    wheels = {path.name: path for path in sorted(folder.glob("*.whl"))}
    allowed = {each for pin in pins for each in pin.hashes}
    for name, path in wheels.items():
        if Digest.of(path.read_bytes()).text not in allowed:
            raise VerificationError(f"{name} has a digest that the lock does not allow")
    if len(wheels) != len(pins):
        raise VerificationError(f"{len(wheels)} wheels were fetched: expected {len(pins)}")
    return wheels


def pack_bundle(
    wheel: BuiltWheel,
    commit: SourceCommit,
    wheels: Mapping[str, Path],
    files: Mapping[str, bytes],
    *,
    statement: str,
) -> bytes:
    """The tar: `wheels` with our own, `files` beside them, the script and the manifest."""
    content = {f"wheelhouse/{name}": path.read_bytes() for name, path in wheels.items()}
    content[f"wheelhouse/{wheel.name}"] = wheel.content
    content |= {**files, "install.py": SCRIPT.read_bytes()}
    manifest = {
        "version": wheel.version,
        "commit": commit.id,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": _machine(),
        "statement": statement,
        "files": {name: Digest.of(each).hex for name, each in sorted(content.items())},
    }
    content["manifest.json"] = f"{json.dumps(manifest, indent=2)}\n".encode()
    made, top = io.BytesIO(), bundle_name(wheel)
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(content):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(content[name]), 0o644
            entry.mtime = int(commit.time.timestamp())
            tar.addfile(entry, io.BytesIO(content[name]))
    return made.getvalue()


def _machine() -> str:
    return f"{platform.system().lower()}-{platform.machine()}"
