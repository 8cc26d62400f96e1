"""Fetches into a scratch repository, where git checks every object before it can reach our copy.

Whoever may push chooses every byte. Malformed objects are refused here, for example a tree with the
same entry twice, which programs read differently. What was refused disappears with the folder.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from goldenpath.errors import VerificationError
from goldenpath.promote.repository.git import Git, GitFailed

PREFIX = "incoming-"
MAX_PACK = 512 * 1024 * 1024
"""Bytes of the largest pack that is fetched at once."""
HELD = "refs/heads/held"
"""The reference in the scratch repository."""
_STALE = 3600.0
"""Seconds after which a folder is left over from a process that was killed."""
_COPIED_AT_ONCE = 256 * 1024
"""Bytes of fetched packs whose objects are copied one by one, as git does for small fetches."""
_WARNINGS = (
    "badFilemode", "emptyName", "fullPathname", "hasDot", "hasDotdot", "hasDotgit", "nullSha1",
    "nulInCommit", "zeroPaddedFilemode", "gitmodulesParse",
)  # fmt: skip
"""What git would only warn of."""
_MALFORMED = re.compile(r"object [0-9a-f]{40,64}: [A-Za-z]+|fsck error|bad tree|malformed")
_TOO_LARGE = re.compile(r"File too large|died of signal|invalid index-pack output")


@contextmanager
def scratch(git: Git) -> Iterator[Git]:
    """Yield an empty repository that can read the objects of another one; remove it afterwards."""
    for old in git.folder.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):  # its process has removed it
            if time.time() - old.stat().st_mtime > _STALE:
                shutil.rmtree(old, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=git.folder, prefix=PREFIX) as name:
        held = git.at(Path(name))
        _make_repository(held.folder, git.folder.absolute() / "objects")
        yield held


def _make_repository(folder: Path, others: Path) -> None:
    """Make a bare repository that also reads `others`, as gitrepository-layout(5) describes it.

    `git init` would write the same files and read its templates, with each look at a remote.
    """
    (folder / "objects" / "info").mkdir(parents=True)
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "objects" / "info" / "alternates").write_text(f"{others}\n")
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
    (folder / "HEAD").write_text("ref: refs/heads/main\n")


def fetch_checked(
    held: Git, url: str, reference: str, shown: str, *, largest: int = MAX_PACK
) -> str:
    """Fetch a reference into a scratch repository, and return its commit.

    `shown` names the remote in messages. Raises `VerificationError` for malformed objects and for
    more than `largest` bytes, `GitFailed` for everything else.
    """
    checks = [word for name in _WARNINGS for word in ("-c", f"fetch.fsck.{name}=error")]
    try:
        held.run(
            "-c", "fetch.fsckObjects=true", *checks,
            # A blob of any size is hashed as a stream, and never held in memory.
            "-c", "core.bigFileThreshold=1m", "-c", "fetch.unpackLimit=1",
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
            "--no-recurse-submodules", url, f"{reference}:{HELD}", largest=largest,
        )  # fmt: skip
    except GitFailed as error:
        if _MALFORMED.search(error.words):
            raise _refused(shown, f"git finds it malformed: {_line_of(error.words)}") from error
        if _TOO_LARGE.search(error.words):
            raise _refused(shown, f"it adds more than {largest} bytes at once") from error
        raise
    # Git may have written more before its limits were set.
    if _fetched_bytes(held) > largest:
        raise _refused(shown, f"it adds more than {largest} bytes at once")
    return _fetched_head(held)


def copy_history(held: Git, ours: Git, commit: str, *, known: str | None) -> bool:
    """Copy a commit with its history, and return whether that is all that was fetched.

    We have `known` and its history already. Raises `GitFailed`.
    """
    is_all = commit == _fetched_head(held)
    if _fetched_bytes(held) > _COPIED_AT_ONCE:
        held.run("update-ref", HELD, commit)
        source = str(held.folder.absolute())
        ours.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, HELD)
        return is_all
    # Two programs, where a fetch starts seven.
    wanted = f"{commit}\n" if known is None else f"{commit}\n^{known}\n"
    pack = held.run("pack-objects", "--revs", "--stdout", "--quiet", stdin=wanted.encode())
    ours.run("unpack-objects", "-q", stdin=pack)
    return is_all


def _fetched_head(held: Git) -> str:
    return (held.folder / HELD).read_text("ascii").strip()


def _fetched_bytes(held: Git) -> int:
    return sum(pack.stat().st_size for pack in held.folder.glob("objects/pack/*"))


def _refused(shown: str, reason: str) -> VerificationError:
    return VerificationError(
        f"what was pushed to {shown} is not fetched: {reason}",
        hint="nobody follows it: take the commit out of main again",
    )


def _line_of(words: str) -> str:
    lines = [line.strip() for line in words.splitlines()]
    chosen = next((line for line in lines if _MALFORMED.search(line)), lines[0])
    return chosen.removeprefix("fatal: ").removeprefix("error: ")[:300]
