"""Git commits as values: the object's bytes, its signature, and the trailers of its message.

The bytes are parsed here and not by `git log`, since these bytes are what was signed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType

from goldenpath.errors import InvalidInput, VerificationError

_IDENTITY = re.compile(r"(?P<name>[^<>\n]*?) ?<(?P<mail>[^<>\n]*)> (?P<seconds>\d+) [+-]\d{4}")
_TRAILER = re.compile(r"([A-Za-z][A-Za-z0-9-]*): ?(.*)")
_NONE: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of the gitops repository."""

    id: str
    parents: tuple[str, ...]
    author: str
    """The name that the commit claims; `Repository.verify` returns who signed it."""
    time: datetime
    message: str
    trailers: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _NONE)
    """Values by name, in the order of the message."""
    paths: tuple[str, ...] = ()
    """The paths that it changed against any of its parents."""
    strange: tuple[str, ...] = ()
    """Those of them that were or are a link or a submodule."""

    @property
    def subject(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]

    def trailer(self, name: str) -> str:
        """Return the first trailer of that name, or the empty string."""
        return self.trailers.get(name, ("",))[0]


def parse_commit(identity: str, content: bytes, paths: tuple[str, ...] = ()) -> Commit:
    """Parse a commit object. Raises `InvalidInput` if it is not one."""
    head, _, message = content.partition(b"\n\n")
    parents: list[str] = []
    author, time = "", None
    for line in head.split(b"\n"):
        name, _, value = line.decode("utf-8", "replace").partition(" ")
        if name == "parent":
            parents.append(value)
        elif name == "author":
            author, _ = _identity(value, identity)
        elif name == "committer":
            _, time = _identity(value, identity)
    if time is None:
        raise InvalidInput(f"commit {identity[:12]} has no committer")
    text = message.decode("utf-8", "replace")
    return Commit(identity, tuple(parents), author, time, text, parse_trailers(text), paths)


def split_signature(identity: str, content: bytes) -> tuple[str, bytes]:
    """Return the SSH signature of a commit object, and the bytes that it signs.

    Raises `VerificationError` if there is no signature, more than one, or one of another kind.
    """
    head, separator, message = content.partition(b"\n\n")
    kept: list[bytes] = []
    signatures: list[list[bytes]] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(b"gpgsig"):
            name, _, first = line.partition(b" ")
            if name != b"gpgsig":
                raise VerificationError(f"commit {identity[:12]} has a second kind of signature")
            signatures.append([first])
            inside = True
        elif inside and line.startswith(b" "):
            signatures[-1].append(line[1:])
        else:
            inside = False
            kept.append(line)
    if len(signatures) != 1:
        count = "none" if not signatures else str(len(signatures))
        raise VerificationError(
            f"commit {identity[:12]} is not signed: expected one SSH signature, got {count}",
            hint="commit through goldenpath, or with git commit -S and gpg.format=ssh",
        )
    armored = b"\n".join(signatures[0]).decode("ascii", "replace") + "\n"
    if not armored.startswith("-----BEGIN SSH SIGNATURE-----"):
        raise VerificationError(f"commit {identity[:12]} is not signed with an SSH key")
    return armored, b"\n".join(kept) + separator + message


def render_commit(
    tree: str, parents: tuple[str, ...], author: str, now: datetime, *, message: str
) -> bytes:
    """Return the bytes of a commit object before it is signed."""
    if not author.strip() or any(letter in author for letter in "<>\n\0"):
        raise InvalidInput(f"{author!r} cannot be the author of a commit")
    if not message.strip() or "\0" in message:
        raise InvalidInput("a commit needs a message without NUL")
    who = f"{author.strip()} <> {int(now.astimezone(UTC).timestamp())} +0000"
    lines = [f"tree {tree}", *(f"parent {each}" for each in parents)]
    lines += [f"author {who}", f"committer {who}"]
    return ("\n".join(lines) + "\n\n" + message.strip("\n") + "\n").encode()


def insert_signature(content: bytes, armored: str) -> bytes:
    """Return the commit object with the signature in its header, as git writes it."""
    head, separator, message = content.partition(b"\n\n")
    lines = armored.rstrip("\n").encode().split(b"\n")
    return head + b"\ngpgsig " + b"\n ".join(lines) + separator + message


def parse_trailers(message: str) -> Mapping[str, tuple[str, ...]]:
    """Return the trailers of a message: its last paragraph, if all its lines are `Name: value`."""
    paragraphs = re.split(r"\n[ \t]*\n", message.strip("\n"))
    if len(paragraphs) < 2:
        return _NONE
    result: dict[str, list[str]] = {}
    for line in paragraphs[-1].split("\n"):
        trailer = _TRAILER.fullmatch(line)
        if trailer is None:
            return _NONE
        result.setdefault(trailer[1], []).append(trailer[2].strip())
    return MappingProxyType({name: tuple(values) for name, values in result.items()})


def _identity(value: str, commit: str) -> tuple[str, datetime]:
    match = _IDENTITY.fullmatch(value)
    if match is None:
        raise InvalidInput(f"commit {commit[:12]} has a malformed author or committer")
    try:
        return match["name"], datetime.fromtimestamp(int(match["seconds"]), UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise InvalidInput(f"commit {commit[:12]} has an impossible time") from error
