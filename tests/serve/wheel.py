"""A package of this environment as the wheel that it came from: no index is asked for it."""

import importlib.metadata
import zipfile
from collections.abc import Mapping
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.train.environment.runtime import Wheel


def repacked(name: str, folder: Path) -> Wheel:
    """Writes the wheel of an installed package into `folder`."""
    found = importlib.metadata.distribution(name)
    tags = [
        line.removeprefix("Tag: ").split("-")
        for line in (found.read_text("WHEEL") or "").splitlines()
        if line.startswith("Tag: ")
    ]
    python, abi = tags[0][:2]
    platforms = ".".join(tag[2] for tag in tags)
    path = folder / f"{name}-{found.version}-{python}-{abi}-{platforms}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in found.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts and not _is_late(file):
                archive.write(str(file.locate()), str(file))
    return Wheel(name, found.version, path.name, Digest.of(path.read_bytes()).text)


def made(name: str, folder: Path, files: Mapping[str, str]) -> Wheel:
    """Writes a wheel of a new package with these files."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    system = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    contents = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": system,
        f"{name}.py": "",
        **files,
    }
    record = "".join(f"{each},,\n" for each in (*contents, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**contents, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)
    return Wheel(name, "1.0", path.name, Digest.of(path.read_bytes()).text)


def _is_late(file: importlib.metadata.PackagePath) -> bool:
    """Whether the installer added the file, or numpy brought it for its own tests and builds."""
    unused = {"tests", "f2py", "distutils"}
    return file.name in {"INSTALLER", "REQUESTED"} or not unused.isdisjoint(file.parts)
