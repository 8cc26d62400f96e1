"""The Python of an image, run on this machine to compile the image's modules.

Bytecode in an image saves a second at each start, and a read-only root can get it in no other way.
The interpreter of the image compiles it, so that it does not depend on the Python of this machine.
"""

from dataclasses import dataclass
from pathlib import Path

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.images.file_tree import FileContent, FileTree, TreeFile, check_tree_path
from goldenpath.processes.tool import run_tool

SECONDS = 600.0
_LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1")
_COMPILE = (
    "import compileall, py_compile, sys; "
    "sys.exit(not compileall.compile_dir(sys.argv[1], maxlevels=40, quiet=2, stripdir=sys.argv[1], "
    "prependdir='/', workers=1, "
    "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))"
)
_DESCRIBE = (
    "import sys, site; print('%d.%d' % sys.version_info[:2]); print(site.getsitepackages()[0])"
)


@dataclass(frozen=True, slots=True)
class ImageInterpreter:
    """The interpreter below an unpacked image."""

    root: Path
    loader: Path
    program: Path

    @classmethod
    def of(cls, root: Path) -> "ImageInterpreter":
        """Find it. Raises `InvalidInput` if the image has no Python."""
        loader = next((path for path in _LOADERS if (root / path).exists()), None)
        found = sorted(
            path
            for folder in ("usr/bin", "usr/local/bin")
            for path in (root / folder).glob("python3.*")
            if path.name.removeprefix("python3.").isdigit()
        )
        if loader is None or not found:
            raise InvalidInput(
                "the base image has no Python for this processor: expected usr/bin/python3.11",
                hint="leave --base out to build one from Debian packages",
            )
        return cls(root, _inside(root, root / loader), found[-1])

    def describe(self) -> tuple[str, str]:
        """Return its version, such as `3.11`, and the folder of its packages in the image."""
        version, packages = self._run(_DESCRIBE).splitlines()
        return version, packages.removeprefix(str(self.root)).strip("/")

    def compiled(self, tree: FileTree, scratch: Path) -> dict[str, TreeFile]:
        """Return the bytecode of the modules of a tree."""
        for path, file in tree.items():
            if path.endswith(".py"):
                check_tree_path(path)
                target = scratch / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_bytes_of(file.content))
        # A file that does not compile is data of a test or for another version: it stays source.
        self._run(_COMPILE, str(scratch), may_fail=True)
        return {
            path.relative_to(scratch).as_posix(): TreeFile(0o644, path.read_bytes())
            for path in sorted(scratch.rglob("__pycache__/*.pyc"))
        }

    def _run(self, program: str, *arguments: str, may_fail: bool = False) -> str:
        libraries = [
            str(path)
            for below in ("usr/lib", "usr/local/lib")
            for path in (self.root / below, *(self.root / below).glob("*-linux-gnu"))
        ]
        done = run_tool(
            [
                str(self.loader), "--library-path", ":".join(libraries), str(self.program),
                "-s", "-P", "-B", "-c", program, *arguments,
            ],
            seconds=SECONDS,
            environment={
                "PYTHONHASHSEED": "0",
                "LC_ALL": "C.UTF-8",
                "PYTHONHOME": str(self.program.parents[1]),
            },
            folder=self.root,
        )  # fmt: skip
        if done.exit_code != 0 and not may_fail:
            raise Unavailable(f"the Python of the image cannot be run here: {done.complaint}")
        return done.text


def _bytes_of(content: FileContent) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _inside(root: Path, path: Path) -> Path:
    """Follow links as they would lead inside the image."""
    for _ in range(10):
        if not path.is_symlink():
            return path
        target = path.readlink()
        path = root / str(target).lstrip("/") if target.is_absolute() else path.parent / target
    raise InvalidInput("the loader of the base image is a link that leads nowhere")
