"""A small project in a real git repository, for tests that change it in every way."""

import subprocess
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from goldenpath.train.source_state import open_checkout
from goldenpath.train.training_run import SourceState
from tests.quick_project import commit
from tests.starter import environment

FILES = {
    "goldenpath.toml": "version = 1\n",
    "src/model/train.py": "x = 1\n",
    "compliance/card.md": "card\n",
    "notes/readme.txt": "notes\n",
    ".gitignore": "ignored.txt\n",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git as the user does."""
    process = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return process.stdout


def read_source(root: Path, variables: Mapping[str, str]) -> SourceState:
    """Return the state of a project's repository, as a build records it."""
    with open_checkout(root, variables) as checkout:
        return checkout.state


def make_project(folder: Path) -> Path:
    """Make a project with a few files and one commit."""
    folder.mkdir(parents=True)
    git(folder.parent, "init", "--quiet", "--initial-branch", "main", str(folder))
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    commit(folder)
    return folder


def forge(root: Path, name: str, kind: bytes, change: Callable[[bytes], bytes]) -> None:
    """Write other content under the name of a loose object, which git does not notice."""
    path = root / ".git" / "objects" / name[:2] / name[2:]
    content = change(zlib.decompress(path.read_bytes()).partition(b"\0")[2])
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"%b %d\0" % (kind, len(content)) + content))


def files_below(folder: Path) -> dict[str, bytes]:
    """The content of each regular file."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
