"""The suite `gitops`: malformed objects, too many bytes, untrue dates, the branch of clusters.

Objects are real git, pushed by hand and fetched as a follower does. Without git's own check they
are fetched plainly. The largest pack is data. Without first-seen times the date in a commit is
believed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.attacks.holders.entry_scene import EntryScene
from goldenpath.attacks.holders.given_judgements import BOTH, ENTRY_TIME
from goldenpath.attacks.pushers.branch_attacks import BRANCH_ATTACKS, BRANCH_CONTROLS, BranchAttack
from goldenpath.errors import VerificationError
from goldenpath.promote.repository.commit_signature import owner_of_key
from goldenpath.promote.repository.first_seen import Sighting, Successor
from goldenpath.promote.repository.git import Git, GitFailed
from goldenpath.promote.repository.quarantine import HELD, fetch_checked, scratch
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

OBJECTS, PACK, FIRST_SEEN = _OWN_CONTROLS = (
    "git's own check", "size of a pack", "first-seen time",
)  # fmt: skip
CONTROLS = (*_OWN_CONTROLS, *BRANCH_CONTROLS)
_MIB: Final = 2**20
_NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_MAIN = "refs/heads/main"
_FILE, _FOLDER = "100644", "40000"
Entries = Sequence[tuple[str, str]]
"""Modes and names; every entry has the same content."""


@dataclass(frozen=True, slots=True)
class PushAttack:
    """What somebody pushes, and the control that has to refuse it."""

    name: str
    control: str
    attempt: Callable[[frozenset[str]], str]
    """Returns why it was refused without some controls; empty if it was not."""


def _malformed(entries: Entries, without: frozenset[str]) -> str:
    """Push a tree of exactly these entries, however wrong."""

    def push(git: Git) -> str:
        blob = _object(git, "blob", b"content\n")
        tree = _tree(git, (), blob)
        return _tree(git, entries, tree if entries[0][0] == _FOLDER else blob)

    return _fetched(push, without)


def _large(number: int, size: int, without: frozenset[str]) -> str:
    """Push so many files of bytes that cannot be packed."""

    def push(git: Git) -> str:
        random = Random(number)  # noqa: S311
        content = b""
        for index in range(number):
            blob = _object(git, "blob", random.randbytes(size))
            content += f"{_FILE} file{index:03}".encode() + b"\0" + bytes.fromhex(blob)
        return _object(git, "tree", content)

    return _fetched(push, without)


def _fetched(push: Callable[[Git], str], without: frozenset[str]) -> str:
    """Return why a follower does not fetch a commit on a tree; empty if it does."""
    with TemporaryDirectory(prefix="gp-") as name:
        environment = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null"}
        remote = Git(Path(name) / "remote.git", environment)
        own = Git(Path(name) / "own.git", environment)
        remote.initialise()
        own.initialise()
        person = b"somebody <somebody@example> 1700000000 +0000"
        commit = b"tree %b\nauthor %b\ncommitter %b\n\nx\n" % (
            push(remote).encode(),
            person,
            person,
        )
        remote.run("update-ref", _MAIN, _object(remote, "commit", commit))
        largest = 2**30 if PACK in without else _MIB
        with scratch(own) as held:
            try:
                if OBJECTS in without:
                    fetch = ("-c", "fetch.unpackLimit=1", "fetch", "--quiet", str(remote.folder))
                    held.run(*fetch, f"{_MAIN}:{HELD}", largest=largest)
                else:
                    fetch_checked(held, str(remote.folder), _MAIN, "the remote", largest=largest)
            except VerificationError as error:
                return error.message
            except GitFailed as error:
                return error.words[:200]
    return ""


def _object(git: Git, kind: str, content: bytes) -> str:
    words = ("hash-object", "-t", kind, "-w", "--literally", "--stdin")
    return git.run(*words, stdin=content).decode().strip()


def _tree(git: Git, entries: Entries, identity: str) -> str:
    content = b"".join(
        f"{mode} {name}".encode() + b"\0" + bytes.fromhex(identity) for mode, name in entries
    )
    return _object(git, "tree", content)


def _dated(claimed: datetime, until: datetime, sighting: Sighting, without: frozenset[str]) -> str:
    """Commit with a date before the end of one's own time."""
    key = SshKey.of(Ed25519PrivateKey.generate()).public_line
    people = (Person("contractor", (), key, None, until),)
    moment = claimed if FIRST_SEEN in without else sighting.moment(claimed)
    try:
        owner_of_key(key, people, moment, "the commit")
    except VerificationError as error:
        return error.message
    return ""


def _soaks(claimed: datetime, sighting: Sighting, without: frozenset[str]) -> str:
    """Date the commit back that brought a release into the stage before."""
    entered = claimed if FIRST_SEEN in without else sighting.arrival(claimed)
    return EntryScene(soaked=_NOW - entered).refusal(frozenset())


def _approves(claimed: datetime, sighting: Sighting, without: frozenset[str]) -> str:
    """Date the commit back whose approvals have ended."""
    entered = claimed if FIRST_SEEN in without else sighting.arrival(claimed)
    ended = tuple(replace(each, at=_NOW - 40 * _DAY, until=_NOW - 10 * _DAY) for each in BOTH)
    scene = EntryScene(approvals=ended, decided_at=entered)
    # The scene judges as of its decision, if that is when the commit came.
    return scene.refusal(frozenset({ENTRY_TIME}))


_TREES: tuple[tuple[str, Entries], ...] = (
    ("a tree has the same file twice", ((_FILE, "a"), (_FILE, "a"))),
    ("a tree holds a folder .git", ((_FOLDER, ".git"),)),
    ("a tree holds a folder .GIT", ((_FOLDER, ".GIT"),)),
    ("a tree holds a folder git~1", ((_FOLDER, "git~1"),)),
    ("a tree holds a folder with two dots", ((_FOLDER, ".."),)),
    ("a tree holds a folder with one dot", ((_FOLDER, "."),)),
    ("a tree is not sorted", ((_FILE, "b"), (_FILE, "a"))),
    ("a tree has a mode that git does not know", (("100666", "a"),)),
    ("a tree has a mode with a zero before it", (("0100644", "a"),)),
    ("a tree has a path as a name", ((_FILE, "envs/prod"),)),
)
_ENDED = _NOW - 10 * _DAY
ATTACKS: tuple[PushAttack | BranchAttack, ...] = (
    *(PushAttack(name, OBJECTS, partial(_malformed, entries)) for name, entries in _TREES),
    PushAttack("one file is larger than a follower has room for", PACK,
        partial(_large, 1, 2 * _MIB)),
    PushAttack("many files are larger than a follower has room for", PACK,
        partial(_large, 64, _MIB // 16)),
    PushAttack("who has left dates a commit back", FIRST_SEEN,
        partial(_dated, _ENDED - _DAY, _ENDED, Sighting(_NOW, _NOW - timedelta(minutes=1)))),
    PushAttack("who has left dates a commit back by years", FIRST_SEEN,
        partial(_dated, _ENDED - 900 * _DAY, _ENDED, Sighting(_NOW, _NOW - timedelta(minutes=1)))),
    PushAttack("who has left dates back against a machine that was off for a day", FIRST_SEEN,
        partial(_dated, _ENDED - _DAY, _ENDED, Sighting(_NOW, _NOW - _DAY))),
    PushAttack("who has left dates back, and others commit on top of it", FIRST_SEEN,
        partial(_dated, _ENDED - _DAY, _ENDED, Sighting(_NOW, _NOW - _DAY).narrowed(
            Successor("engineer", _ENDED - _DAY), _NOW))),
    PushAttack("a soak of a week is met in a minute, by a commit that is dated back", FIRST_SEEN,
        partial(_soaks, _NOW - 8 * _DAY, Sighting(_NOW, _NOW - _MINUTE))),
    PushAttack("a soak of a week is met by a date before this machine was off", FIRST_SEEN,
        partial(_soaks, _NOW - 8 * _DAY, Sighting(_NOW, _NOW - 3 * _DAY))),
    PushAttack("a soak is met by a date of years ago, and others commit on top", FIRST_SEEN,
        partial(_soaks, _NOW - 900 * _DAY, Sighting(_NOW, _NOW - _MINUTE).narrowed(
            Successor("engineer", _NOW), _NOW))),
    PushAttack("approvals that have ended are used by a commit that is dated back", FIRST_SEEN,
        partial(_approves, _NOW - 20 * _DAY, Sighting(_NOW, _NOW - _MINUTE))),
    *BRANCH_ATTACKS,
)  # fmt: skip


def gitops_suite() -> AttackSuite:
    """Return the suite."""
    return AttackSuite(
        "gitops", ATTACKS, CONTROLS, lambda without: [_trial(each, without) for each in ATTACKS]
    )


def _trial(attack: PushAttack | BranchAttack, without: frozenset[str]) -> AttackTrial:
    reason = attack.attempt(without)
    return AttackTrial(not reason, {attack.control: reason} if reason else {})
