"""Git in the repository of a project, without running anything that the project configures.

Code of the project may have written `.git/config`, where `core.fsmonitor`, hooks, filters,
signature programs and remotes name commands. So the repository itself is only asked where its files
are. Everything else is read from its objects by git in an empty repository of ours, which has no
configuration but that of the user and the machine.
"""

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from goldenpath.errors import InvalidInput, Unavailable, VerificationError

_TIMEOUT = 600.0
_CHUNK = 1024 * 1024
_MISLEADING = frozenset(
    {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES",
        "GIT_EXTERNAL_DIFF", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE",
    }
)  # fmt: skip
_FIXED = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_ATTR_NOSYSTEM": "1",
    # A partial clone must not fetch: the project's configuration names the command.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
}
_SWITCHED_OFF = (
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat",
    "-c", "core.sshCommand=false", "-c", "core.untrackedCache=false", "-c", "core.askPass=false",
    "-c", "core.editor=false", "-c", "credential.helper=", "-c", "protocol.allow=never",
    "-c", "log.showSignature=false", "-c", "diff.external=", "-c", "core.attributesFile=/dev/null",
)  # fmt: skip
_NO_HOOKS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_TRANSFERS = frozenset({"clone", "checkout"})


@dataclass(frozen=True, slots=True)
class ProjectRepository:
    """The repository around a project, at the commit that is checked out."""

    root: Path
    """The folder of the project."""
    top: Path
    """The folder of the work tree."""
    prefix: str
    """The path of the project below the work tree; empty, or with a slash at its end."""
    commit: str
    environment: Mapping[str, str]
    """Environment for git in our empty repository, with the objects of the project."""
    configured: Mapping[str, str]
    """Environment for git in the project's own repository."""

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Return what git prints about the objects. Raises `Unavailable` if it fails."""
        process = _run(("git", *arguments), self.root, self.environment, stdin)
        if process.returncode != 0:
            raise Unavailable(
                f"git {arguments[0]} failed in {self.root}: {_words(process)}",
                hint="git fsck says what is damaged; a partial or shallow clone needs "
                "git fetch --refetch --unshallow",
            )
        return process.stdout

    def text(self, *arguments: str) -> str:
        """Return what git prints, as text without the line break at its end."""
        return self.git(*arguments).decode("utf-8", "replace").strip()

    def objects(self, names: Iterable[str]) -> Iterator[Iterator[bytes]]:
        """Yield the content of each object in chunks, which have to be read to their end.

        Git does not compare an object with its name when it reads one, so that is done here. Raises
        `Unavailable` if an object is missing, `VerificationError` if it is not what its name says.
        """
        command = ["git", "cat-file", "--batch"]
        with subprocess.Popen(
            command, cwd=self.root, env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            if process.stdin is None or process.stdout is None:
                raise TypeError("git was started without pipes")
            for name in names:
                process.stdin.write(name.encode("ascii") + b"\n")
                process.stdin.flush()
                head = process.stdout.readline().split()
                if len(head) != 3:
                    raise Unavailable(
                        f"the object {name} is missing in the repository of {self.root}",
                        hint="a partial clone needs git fetch --refetch",
                    )
                yield _compared(_chunks(process.stdout, int(head[2])), name, head[1:])
                process.stdout.read(1)

    def setting(self, *arguments: str) -> str:
        """Return a reference or address of the project's repository; empty if it has none."""
        command = ("git", *_SWITCHED_OFF, *arguments)
        process = _run(command, self.root, self.configured)
        return process.stdout.decode("utf-8", "replace").strip() if not process.returncode else ""

    def change(self, *arguments: str) -> None:
        """Change references of the project's own repository; no hook of it runs.

        Raises `Unavailable` if git refuses, for example since the reference is not as expected.
        """
        process = _run(("git", *_SWITCHED_OFF, *arguments), self.root, self.configured)
        if process.returncode != 0:
            raise Unavailable(f"git {arguments[0]} failed in {self.root}: {_words(process)}")


@contextmanager
def project_repository(root: Path, environment: Mapping[str, str]) -> Iterator[ProjectRepository]:
    """Yield the repository around the project `root`.

    Raises `InvalidInput` if there is none, if it has no commit, or if git does not trust its
    owner. Raises `Unavailable` if git cannot say.
    """
    kept = {name: value for name, value in environment.items() if name not in _MISLEADING}
    configured = {**kept, **_FIXED}
    paths = _asked(
        root, configured, "rev-parse", "--path-format=absolute", "--show-toplevel",
        "--git-path", "objects", "--git-path", "index", "--git-path", "shallow",
        "--show-object-format",
    )  # fmt: skip
    top, objects, index, shallow, form = paths.splitlines()
    commit = _asked(root, configured, "rev-parse", "--verify", "HEAD")
    prefix = _asked(root, configured, "rev-parse", "--show-prefix")
    with tempfile.TemporaryDirectory(prefix="goldenpath-git-") as folder:
        _make_empty(Path(folder), form)
        shallow_file = {"GIT_SHALLOW_FILE": shallow} if Path(shallow).is_file() else {}
        yield ProjectRepository(
            root.absolute(), Path(top), prefix, commit,
            {**configured, **shallow_file, "GIT_DIR": folder, "GIT_WORK_TREE": top,
             "GIT_OBJECT_DIRECTORY": objects, "GIT_INDEX_FILE": index},
            configured,
        )  # fmt: skip


def optional_git(root: Path, environment: Mapping[str, str], *arguments: str) -> str | None:
    """Return the output of git in `root`; None if git exits with an error.

    Only for questions where git reports "there is none" by its exit status, and for a clone. What
    the repository around `root` configures is switched off. Raises `Unavailable` if git is not
    installed.
    """
    is_transfer = arguments[0] in _TRANSFERS
    kept = {name: value for name, value in environment.items() if name not in _MISLEADING}
    # A clone needs its protocol and the user's ssh and credentials, and reads no repository here.
    fixed = {**_FIXED, "GIT_ALLOW_PROTOCOL": "file:ssh:https:http"} if is_transfer else _FIXED
    options = _NO_HOOKS if is_transfer else _SWITCHED_OFF
    process = _run(("git", *options, *arguments), root, {**kept, **fixed})
    return process.stdout.decode("utf-8", "replace").strip() if not process.returncode else None


def _asked(root: Path, environment: Mapping[str, str], *arguments: str) -> str:
    process = _run(("git", *_SWITCHED_OFF, *arguments), root, environment)
    if process.returncode == 0:
        return process.stdout.decode("utf-8", "surrogateescape").strip("\n")
    words = _words(process)
    if "dubious ownership" in words:
        raise InvalidInput(
            f"git does not read {root}: the folder belongs to another user (dubious ownership)",
            hint=f"if you trust it, run git config --global --add safe.directory {root.absolute()}",
        )
    if "not a git repository" in words or "must be run in a work tree" in words:
        raise InvalidInput(
            f"{root} has no commit: expected a git repository with the project in it",
            hint="run git init && git add --all && git commit",
        )
    if "Needed a single revision" in words:
        raise InvalidInput(
            f"{root} has no commit: expected a git repository with the project in it",
            hint="run git add --all && git commit",
        )
    raise Unavailable(f"git could not read the repository of {root}: {words}")


def _compared(chunks: Iterable[bytes], name: str, head: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the chunks of an object, and compare its hash with its name (git, object format)."""
    digest = hashlib.sha1(usedforsecurity=False) if len(name) == 40 else hashlib.sha256()
    digest.update(b" ".join(head) + b"\0")
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != name:
        raise VerificationError(
            f"a git object is damaged: expected {name}, got {digest.hexdigest()}",
            hint="run git fsck, and fetch the repository again",
        )


def _chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size:
        chunk = stream.read(min(size, _CHUNK))
        if not chunk:
            raise Unavailable("git ended in the middle of an object")
        size -= len(chunk)
        yield chunk


def _make_empty(folder: Path, form: str) -> None:
    for name in ("objects", "refs"):
        (folder / name).mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n", "ascii")
    version = 0 if form == "sha1" else 1
    extension = "" if form == "sha1" else f"[extensions]\n\tobjectFormat = {form}\n"
    config = f"[core]\n\trepositoryFormatVersion = {version}\n\tbare = false\n{extension}"
    (folder / "config").write_text(config, "ascii")


def _run(
    command: Sequence[str], root: Path, environment: Mapping[str, str], stdin: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            command, cwd=root, env=environment, input=stdin, capture_output=True, check=False,
            timeout=_TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git gave no answer within {_TIMEOUT:g} seconds in {root}") from error
    except OSError as error:
        raise Unavailable("git cannot be started", hint="install git") from error


def _words(process: "subprocess.CompletedProcess[bytes]") -> str:
    return " ".join(process.stderr.decode("utf-8", "replace").split())[-500:]
