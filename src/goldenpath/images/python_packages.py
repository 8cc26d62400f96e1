"""The Python packages of an image: wheels of the lock, fetched by hash, without what nobody runs.

Wheels only, so that nothing of a package runs while it is installed. The lock names no index; the
machine's own configuration of uv says where wheels come from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.parser import Parser
from importlib.metadata import PathDistribution
from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.errors import Unavailable, VerificationError
from goldenpath.images.file_tree import TreeFile, tree_below, without
from goldenpath.processes.tool import run_tool
from goldenpath.release.evidence.sbom import python_component
from goldenpath.train.environment.bundled import bundled_in
from goldenpath.train.environment.locked_environment import licence_of
from goldenpath.train.training_run import Package

LOCK = Path(__file__).with_name("server.txt")
"""The lock of the server's packages; `make lock` writes it."""
_OF_JOBS = ("pyyaml",)
"""Packages of the lock that the server never imports."""
PLATFORM = "x86_64-manylinux_2_36"
SECONDS = 900.0
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")
_LEFT_OUT = (
    "*/RECORD", "*/INSTALLER", "*/REQUESTED", "*/direct_url.json", "*/uv_cache.json", "*.pyi",
    "*.pxd", "*.pyx", "*/bin/*", "*/tests/*", "*/testing/tests/*", "*.lib", "*.a",
    "*/numpy/f2py/*", "*/numpy/distutils/*", "*/numpy/_core/include/*",
    "*/pyarrow/include/*", "*/pyarrow/src/*", "*/pyarrow/includes/*", "*/pyarrow/*flight*",
    "*/pyarrow/libarrow_python.so", "*/pyarrow/libarrow_python.so.*.*",
    "*/onnxruntime/transformers/*", "*/onnxruntime/quantization/*", "*/onnxruntime/tools/*",
    "*/onnxruntime/datasets/*", "*/onnxruntime/capi/libonnxruntime.so*",
    "*/simdjson/*.h", "*/simdjson/*.cpp",
)  # fmt: skip
"""Headers, tests, tools and libraries that the server never loads."""


@dataclass(frozen=True, slots=True)
class ServerPackage:
    """One package of the lock: its requirement, and the digests of its files."""

    name: str
    version: str
    text: str

    @property
    def hashes(self) -> tuple[str, ...]:
        """The digests of the files that may be installed."""
        return tuple(_HASH.findall(self.text))


def locked_packages(
    lock: str, names: Sequence[str] = (), *, uv: bool = False
) -> tuple[ServerPackage, ...]:
    """Return those of `names` from a lock, without names the server's; `uv` only if asked for.

    Raises `VerificationError` for a package without a hash.
    """
    packages = []
    for block in re.split(r"\n(?=\S)", "\n" + lock):
        name, pinned, rest = block.strip().partition("==")
        if not pinned or block.startswith("#"):
            continue
        package = ServerPackage(name, re.split(r"[ \\;]", rest, maxsplit=1)[0], block.strip())
        if not package.hashes:
            raise VerificationError(f"{name} has no hash in the lock of the server")
        if uv if name == "uv" else name in names or (not names and name not in _OF_JOBS):
            packages.append(package)
    return tuple(packages)


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """The installed files of packages, and their entries in the bill of materials."""

    tree: Mapping[str, TreeFile]
    components: Sequence[Mapping[str, JsonValue]]


@dataclass(frozen=True, slots=True)
class WheelInstaller:
    """uv, and the environment with the user's configuration of it."""

    uv: str
    environment: Mapping[str, str]

    def install(
        self, packages: Sequence[ServerPackage], folder: Path, prefix: str, python: str
    ) -> PackageFiles:
        """Install wheels for Python `python` below `folder`; in the image they are in `prefix`.

        Raises `Unavailable` with uv's own words if one cannot be had with the locked hash.
        """
        requirements = folder.with_name("requirements.txt")
        requirements.write_text("\n".join(package.text for package in packages) + "\n")
        done = run_tool(
            [
                self.uv, "pip", "install", "--quiet", "--target", str(folder), "--require-hashes",
                "--no-deps", "--only-binary", ":all:", "--python-version", python,
                "--python-platform", PLATFORM, "--no-compile-bytecode", "--link-mode", "copy",
                "--requirements", str(requirements),
            ],
            seconds=SECONDS,
            environment=self.environment,
            folder=folder.parent,
        )  # fmt: skip
        if done.exit_code != 0:
            raise Unavailable(
                f"the packages of the image cannot be installed: {done.complaint}",
                hint="check the index that uv is configured for; nothing else than the locked "
                "files is accepted",
            )
        components = [_component(package, folder) for package in packages]
        return PackageFiles(without(tree_below(folder, prefix), _LEFT_OUT), components)


def _component(package: ServerPackage, folder: Path) -> Mapping[str, JsonValue]:
    stem = re.sub(r"[-_.]+", "_", package.name)
    found = [
        each
        for each in folder.glob("*.dist-info")
        if re.sub(r"[-_.]+", "_", each.name.partition("-")[0]).lower() == stem
    ]
    if len(found) != 1:
        raise VerificationError(f"the wheel of {package.name} brings no metadata of that name")
    installed = PathDistribution(found[0])
    metadata = Parser().parsestr(installed.read_text("METADATA") or "", headersonly=True)
    licence = licence_of(metadata)
    return python_component(
        Package(package.name, package.version, package.hashes, licence, bundled_in(installed))
    )
