"""Runs git on one bare repository, in the same way on every machine.

Git reads no configuration of the user or the machine, asks no terminal, and has a time limit. So
every machine accepts the same commits.
"""

import os
import re
import resource
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable

TIMEOUT = 120.0
"""Seconds after which a call of git is ended."""
MAX_MEMORY = 4 * 1024**3
"""Bytes of address space of a call of git: a few objects can stand for a billion paths."""
MAX_OUTPUT = 256 * 1024 * 1024
"""Bytes of the largest answer of git that is read."""

_FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "file:ssh:https:http",
    "LC_ALL": "C",
}


_HELD = re.compile(r"Unable to create '([^']+\.lock)': File exists")
_LEAN = ("-c", "core.packedGitWindowSize=64m", "-c", "core.packedGitLimit=512m")
"""Keeps git within its memory."""


class GitFailed(Exception):
    """A call of git failed; `words` is its output. Every caller converts it."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    @property
    def held_lock(self) -> str:
        """The name of a lock that another git holds, or was killed with; empty if none is."""
        found = _HELD.search(self.words)
        return Path(found[1]).name if found else ""

    @property
    def is_refusal(self) -> bool:
        """Whether a remote refused a push by a rule, and not for lack of space."""
        return "[remote rejected]" in self.words and "unpacker error" not in self.words


class Git:
    """Git on the bare repository `folder`, with the variables of `environment` only."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **environment, **_FIXED}

    def at(self, folder: Path) -> "Git":
        """Return git on another repository, with the same environment."""
        return Git(folder, self._environment)

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        index: Path | None = None,
        largest: int = MAX_OUTPUT,
    ) -> bytes:
        """Return what git prints.

        `largest` limits each file that git writes, and its answer. Raises `GitFailed` with its
        output, `Unavailable` without git or after the time limit.
        """
        environment = dict(self._environment)
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        # The answer is a file, so that the limit on files holds for it too.
        with tempfile.TemporaryFile() as answer:
            try:
                process = subprocess.Popen(
                    ["git", *_LEAN, f"--git-dir={self.folder}", *arguments],
                    stdin=subprocess.PIPE,
                    stdout=answer,
                    stderr=subprocess.PIPE,
                    env=environment,
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise Unavailable("git was not found on PATH", hint="install git") from error
            errors = _finished(process, stdin, largest, arguments[0])
            # Git may have written more before its limits were set.
            if answer.seek(0, os.SEEK_END) > largest:
                raise GitFailed(f"git {arguments[0]} answered more than {largest} bytes")
            answer.seek(0)
            output = answer.read()
        if process.returncode != 0:
            how = f"git died of signal {-process.returncode}\n" if process.returncode < 0 else ""
            raise GitFailed(how + (errors + output[:65536]).decode("utf-8", "replace").strip())
        return output

    def initialise(self) -> None:
        """Create the bare repository if it is not there."""
        if (self.folder / "HEAD").is_file() and (self.folder / "objects").is_dir():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"{self.folder} cannot be made: {error.strerror}",
                hint="check that its disk has room and is writable",
            ) from error
        self.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main")

    def sizes(self, names: Iterable[str]) -> list[tuple[str, int] | None]:
        """Return id and size of each object, in order; None for one that is not there."""
        output = self.run("cat-file", "--batch-check", stdin=_lines(names))
        result: list[tuple[str, int] | None] = []
        for line in output.decode("utf-8", "replace").split("\n")[:-1]:
            name, _, size = line.rpartition(" ")
            result.append((name.split(" ")[0], int(size)) if size.isdigit() else None)
        return result

    def objects(
        self, names: Iterable[str], *, largest: int = MAX_OUTPUT
    ) -> Iterator[tuple[str, bytes] | None]:
        """Yield type and content of each object, in order; None for one that is not there.

        Raises `GitFailed`, for example if all together are larger than `largest`.
        """
        requested = list(names)
        output = self.run("cat-file", "--batch", stdin=_lines(requested), largest=largest)
        position = 0
        for _ in requested:
            end = output.index(b"\n", position)
            header = output[position:end].rsplit(b" ", 2)
            position = end + 1
            if header[-1] == b"missing" or not header[-1].isdigit():
                yield None
                continue
            size = int(header[-1])
            yield header[-2].decode(), output[position : position + size]
            position += size + 1


def _finished(process: "subprocess.Popen[bytes]", stdin: bytes, largest: int, verb: str) -> bytes:
    """Let git run within its limits to its end, and return what it prints as errors."""
    with process:
        with suppress(ProcessLookupError):  # it may have ended already
            _lower(process.pid, resource.RLIMIT_FSIZE, largest)
            _lower(process.pid, resource.RLIMIT_AS, MAX_MEMORY)
        try:
            return process.communicate(stdin, TIMEOUT)[1]
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"git {verb} gave no answer within {TIMEOUT:.0f} seconds",
                hint="check the network and the remote, then run the command again",
            ) from error
        finally:
            # Its helpers, such as ssh and index-pack, must not outlive it.
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _lower(process: int, kind: int, most: int) -> None:
    """Limit a process, unless our own limit, which it inherited, is lower already."""
    _, hard = resource.prlimit(process, kind)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.prlimit(process, kind, (most, most))


def _lines(names: Iterable[str]) -> bytes:
    lines = list(names)
    if any("\n" in name for name in lines):
        raise InvalidInput("a path in the gitops repository holds a line break")
    return "".join(f"{name}\n" for name in lines).encode()


def last_line(words: str) -> str:
    """Return the line of git's output that says why it failed."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    useful = [line for line in lines if line.startswith(("fatal:", "error:", "!", "remote:"))]
    chosen = (useful or lines or ["git gave no reason"])[0]
    if "Could not read from remote repository" in chosen:
        chosen = lines[0]  # SSH printed the reason before git did
    return chosen.removeprefix("fatal: ").removeprefix("error: ")[:300]


def unusable_copy(error: GitFailed, folder: Path) -> Unavailable:
    """Return the error for a copy of a repository that git cannot use.

    Raises `NotFound` if a commit is not in it.
    """
    if "bad revision" in error.words or "Not a valid object" in error.words:
        raise NotFound(f"the gitops repository has no such commit: {last_line(error.words)}")
    return Unavailable(
        f"the copy of the gitops repository cannot be used: {last_line(error.words)}",
        hint=f"check that {folder} is writable and its disk has room, or remove it",
    )


@contextmanager
def on_disk(folder: Path) -> Iterator[None]:
    """Convert an error of the disk under `folder`."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"{folder} cannot be written: {error.strerror}",
            hint="check that its disk has room and is writable",
        ) from error
