"""Signed notes and checkpoints of C2SP (`signed-note`, `tlog-checkpoint`), with Ed25519 keys.

    ORIGIN
    NUMBER OF LEAVES
    ROOT IN BASE64

    — NAME BASE64(first four bytes of the key's hash, signature over the text above)

The key also signs commits. A signed commit begins with `SSHSIG` and a note with its origin, so
neither can be shown as the other.
"""

import base64
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from goldenpath.errors import InvalidInput, VerificationError

_ED25519 = b"\x01"
"""The signature type of an Ed25519 key."""
_DASH = "\N{EM DASH} "
MOST_BYTES = 64 * 1024
"""The longest note that is read."""
_NAME = re.compile(r"[^\s+]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class TreeCheckpoint:
    """The head of a tree: who keeps it, how many leaves it has, and its root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n".encode()


def parse_tree_checkpoint(text: bytes) -> TreeCheckpoint:
    """Parse the text of a checkpoint; later lines are extensions. Raises `InvalidInput`."""
    try:
        origin, size, root, *more = text.decode().split("\n")
        digest = _decoded(root)
    except ValueError as error:
        raise InvalidInput("a checkpoint needs origin, size and root, a line each") from error
    is_whole = bool(more) and more[-1] == "" and all(more[:-1])
    if not origin or _SIZE.fullmatch(size) is None or len(digest) != 32 or not is_whole:
        raise InvalidInput("a checkpoint has a wrong size, a wrong root or an empty line")
    return TreeCheckpoint(origin, int(size), digest)


def key_hash(name: str, public_key: bytes) -> bytes:
    """Return the first bytes of a signature, by which a verifier finds the key."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:4]


def verifier_key(name: str, public_key: bytes) -> str:
    """Return the key in the form that verifiers of notes take."""
    _require_name(name)
    encoded = base64.b64encode(_ED25519 + public_key).decode()
    return f"{name}+{key_hash(name, public_key).hex()}+{encoded}"


def signed_note(text: bytes, name: str, public_key: bytes, signature: bytes) -> bytes:
    """Return the note. `signature` is the plain Ed25519 signature over the text."""
    _require_name(name)
    line = base64.b64encode(key_hash(name, public_key) + signature).decode()
    return text + f"\n{_DASH}{name} {line}\n".encode()


def open_note(note: bytes, name: str, public_key: bytes) -> bytes:
    """Return the text of a note that the key signed; lines of other keys are passed over.

    Raises `VerificationError` if it bears no good signature of the key.
    """
    text, gap, lines = note[:MOST_BYTES].rpartition(b"\n\n")
    text += b"\n"
    if len(note) > MOST_BYTES or not gap:
        raise VerificationError("it is no signed note")
    start = f"{_DASH}{name} "
    for line in lines.decode("utf-8", "replace").splitlines():
        if not line.startswith(start):
            continue
        try:
            content = _decoded(line[len(start) :])
        except ValueError:
            continue
        if content[:4] == key_hash(name, public_key) and _holds(public_key, content[4:], text):
            return text
    raise VerificationError(f"the note bears no good signature of {name}")


def _decoded(text: str) -> bytes:
    """Return what the text encodes. Raises `ValueError` unless it is the one way to write it."""
    content = base64.b64decode(text, validate=True)
    if base64.b64encode(content).decode() != text:
        raise ValueError("another way to write the same bytes")
    return content


def _holds(public_key: bytes, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _require_name(name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise InvalidInput(f"the name of a key of notes has no blank and no plus: got {name!r}")
