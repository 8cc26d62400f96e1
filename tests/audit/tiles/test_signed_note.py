"""Signed notes: the published example, a round trip, and each way to bend one."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.audit.tiles.signed_note import (
    TreeCheckpoint,
    open_note,
    parse_tree_checkpoint,
    signed_note,
    verifier_key,
)
from goldenpath.errors import InvalidInput, VerificationError

NAME = "PeterNeumann"
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6"
    "KE6RyyBwJnAM=\n"
)
"""The example of golang.org/x/mod/sumdb/note."""
PUBLIC = base64.b64decode(KEY.split("+", 2)[2])[1:]
OWN = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def own_note(text: bytes) -> bytes:
    return signed_note(text, "log", OWN.public_key().public_bytes_raw(), OWN.sign(text))


def test_the_published_example_is_opened_and_written_alike() -> None:
    note = f"{TEXT}\n{LINE}".encode()
    signature = base64.b64decode(LINE.split()[2])[4:]

    assert open_note(note, NAME, PUBLIC) == TEXT.encode()
    assert signed_note(TEXT.encode(), NAME, PUBLIC, signature) == note
    assert verifier_key(NAME, PUBLIC) == KEY


def test_lines_of_other_keys_are_passed_over() -> None:
    note = own_note(TEXT.encode())
    public = OWN.public_key().public_bytes_raw()
    signature = base64.b64decode(LINE.split()[2])[4:]
    text, _, line = signed_note(TEXT.encode(), NAME, PUBLIC, signature).rpartition(b"\n\n")
    both = note + line

    assert open_note(both, "log", public) == open_note(both, NAME, PUBLIC) == text + b"\n"


@pytest.mark.parametrize(
    "bend",
    [
        lambda note: note.replace(b"cryptography", b"Cryptography"),
        lambda note: note.replace(b"x08go", b"x08gp"),
        lambda note: note.replace(b"PeterNeumann x", b"Peter x"),
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace(b"E6RyyBwJnAM=", b"E6RyyBwJnAN="),
        lambda note: note.replace(b"E6RyyBwJnAM=", b"E6Ryy"),
        lambda note: note.replace("—".encode(), b"-"),
        lambda note: b"x" * 70_000 + note,
        lambda note: b"",
    ],
)
def test_a_note_that_was_bent_is_refused(bend: object) -> None:
    note = f"{TEXT}\n{LINE}".encode()
    assert open_note(note, NAME, PUBLIC)

    with pytest.raises(VerificationError):
        open_note(bend(note), NAME, PUBLIC)  # type: ignore[operator]


def test_a_name_with_a_blank_or_a_plus_signs_nothing() -> None:
    for name in ("a b", "a+b", "", "a\nb"):
        with pytest.raises(InvalidInput):
            signed_note(b"text\n", name, PUBLIC, b"")


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    head = TreeCheckpoint("goldenpath/witness/events", 20852163, bytes(range(32)))

    assert parse_tree_checkpoint(head.text) == head
    assert parse_tree_checkpoint(head.text + b"an extension\n") == head


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\n7\n", b"\n07\n"),
        (b"\n7\n", b"\n-7\n"),
        (b"\n7\n", b"\n7 \n"),
        (b"log\n", b"\n"),
        (b"\n", b"\n\n"),
        (b"AAAA", b"AA"),
        (b"AAAA", b"A!AA"),
    ],
)
def test_a_checkpoint_that_is_bent_is_refused(old: bytes, new: bytes) -> None:
    text = TreeCheckpoint("log", 7, bytes(32)).text
    assert old in text and parse_tree_checkpoint(text)

    with pytest.raises(InvalidInput):
        parse_tree_checkpoint(text.replace(old, new, 1))
    with pytest.raises(InvalidInput):
        parse_tree_checkpoint(text.removesuffix(b"\n"))
