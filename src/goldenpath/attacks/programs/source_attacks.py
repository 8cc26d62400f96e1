"""What a project may say about itself: its lock, its links, and its attributes of git.

Nothing foreign runs here. Lists of indexes and hosts are data, so they are switched off there. The
other rules on the lock are left out by reading it as a lenient installer does: as if the lock had
said what the rule demands. Without the last two controls links are followed, and git exports.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.errors import GoldenPathError
from goldenpath.train.environment.uv_lock import parse_lock, refuse_sources
from goldenpath.train.source.project_repository import project_repository
from goldenpath.train.source.source_export import committed_files, export_commit

INDEX, HOST, SECURE, HASH, KIND, LINKS, ATTRIBUTES = SOURCE_CONTROLS = (
    "allowed indexes", "hosts of files", "HTTPS of the lock", "hash of every file",
    "packages of an index alone", "no links", "bytes of the commit",
)  # fmt: skip
_OURS, _EVIL = "https://index.example/simple", "https://evil.example"
_OTHERS = ("https://other.example/simple", f"{_OURS}/../../other")
_HASH = "sha256:" + "a" * 64
_WHEEL = "numpy-2.0.0-py3-none-any.whl"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent"}


@dataclass(frozen=True, slots=True)
class SourceAttack:
    """What a project says, and the control that has to refuse it."""

    name: str
    control: str
    refusal: Callable[[frozenset[str]], str]
    """Returns why it is refused without some controls; empty if it is not."""


@dataclass(frozen=True, slots=True)
class _Lock:
    """A lock with one package beside the project."""

    source: str = f'registry = "{_OURS}"'
    url: str = f"https://index.example/files/{_WHEEL}"
    hash: str = _HASH

    def refusal(self, without: frozenset[str]) -> str:
        """Return why a build refuses the lock; empty if it does not."""
        is_other_kind = not self.source.startswith("registry")
        source = _Lock().source if KIND in without and is_other_kind else self.source
        url, digest = self.url, self.hash
        if SECURE in without:
            source, url = (each.replace("http://", "https://") for each in (source, url))
        if HASH in without:
            digest = _HASH
        hosts = ("evil.example",) if HOST in without else ()
        indexes = (_OURS, *_OTHERS) if INDEX in without else (_OURS,)
        try:
            refuse_sources(parse_lock(_written(source, url, digest)), indexes, hosts)
        except GoldenPathError as error:
            return error.message
        return ""


def _written(source: str, url: str, digest: str) -> bytes:
    hashed = f', hash = "{digest}"' if digest else ""
    return f"""version = 1
[[package]]
name = "my-model"
version = "0.1.0"
source = {{ virtual = "." }}
[[package]]
name = "numpy"
version = "2.0.0"
source = {{ {source} }}
wheels = [{{ url = "{url}"{hashed} }}]
""".encode()


_LOCKS: Mapping[str, tuple[str, _Lock]] = {
    "a package comes from another index": (INDEX, _Lock(
        f'registry = "{_OTHERS[0]}"')),
    "a package comes from an index that begins like ours": (INDEX, _Lock(
        f'registry = "{_OTHERS[1]}"')),
    "a file of an allowed index comes from another host": (HOST, _Lock(
        url=f"{_EVIL}/{_WHEEL}")),
    "a file comes from a host with ours before it": (HOST, _Lock(
        url=f"https://evil.example/index.example/{_WHEEL}")),
    "a file comes without TLS": (SECURE, _Lock(url=f"http://index.example/{_WHEEL}")),
    "a file has no hash": (HASH, _Lock(hash="")),
    "a file has a short hash": (HASH, _Lock(hash="sha256:" + "a" * 40)),
    "a file has an MD5": (HASH, _Lock(hash="md5:" + "a" * 32)),
    "a package comes from a folder": (KIND, _Lock('path = "../evil"')),
    "a package comes from a repository of git": (KIND, _Lock(
        f'git = "{_EVIL}/numpy?rev=main#{"b" * 40}"')),
    "a package comes from an address": (KIND, _Lock(f'url = "{_EVIL}/{_WHEEL}"')),
    "a package is editable": (KIND, _Lock('editable = "../evil"')),
}  # fmt: skip


def _links(path: str, without: frozenset[str]) -> str:
    """Commit a link to a key where a build reads files."""
    with _project({path: None}) as root, project_repository(root, _ENVIRONMENT) as repository:
        if LINKS in without:
            return "" if "a secret" in (root / path).read_text() else "it has other content"
        try:
            committed_files(repository)
        except GoldenPathError as error:
            return error.message
    return ""


def _exports(attribute: str, without: frozenset[str]) -> str:
    """Commit attributes that change or hide what git itself exports."""
    content = "revision = '$Format:%H$'\n"
    files = {"model.py": content, ".gitattributes": f"model.py {attribute}\n"}
    with _project(files) as root, TemporaryDirectory(prefix="gp-") as name:
        target = Path(name) / "source"
        if ATTRIBUTES in without:
            target.mkdir()
            archive = _git(root, "archive", "HEAD")
            subprocess.run(["tar", "-x"], cwd=target, input=archive, check=True)
        else:
            with project_repository(root, _ENVIRONMENT) as repository:
                export_commit(repository, committed_files(repository), target)
        exported = target / "model.py"
        is_same = exported.exists() and exported.read_text() == content
    return "the export has the bytes of the commit" if is_same else ""


@contextmanager
def _project(files: Mapping[str, str | None]) -> Iterator[Path]:
    """Yield a committed project; a file without content is a link to a key outside."""
    with TemporaryDirectory(prefix="gp-") as name:
        key, root = Path(name) / "key.pem", Path(name) / "project"
        key.write_text("a secret")
        for path, content in {"README.md": "x\n", **files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                (root / path).symlink_to(key)
            else:
                (root / path).write_text(content)
        for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "begin")):
            _git(root, *words)
        yield root


def _git(root: Path, *words: str) -> bytes:
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example")
    command = ["git", *who, *words]
    return subprocess.run(
        command, cwd=root, env=_ENVIRONMENT, capture_output=True, check=True
    ).stdout


def source_attacks() -> tuple[SourceAttack, ...]:
    """Return the attacks."""
    locks = (SourceAttack(name, control, lock.refusal) for name, (control, lock) in _LOCKS.items())
    links = {
        "a document is a link to a key": "compliance/card.md",
        "the code is a link to a key": "src/model.py",
    }
    attributes = {
        "an attribute of git hides a file from the export": "export-ignore",
        "an attribute of git changes a file in the export": "export-subst",
    }
    return (
        *locks,
        *(SourceAttack(name, LINKS, partial(_links, path)) for name, path in links.items()),
        *(
            SourceAttack(name, ATTRIBUTES, partial(_exports, attribute))
            for name, attribute in attributes.items()
        ),
    )
