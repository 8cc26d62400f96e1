"""The MD5 by which DVC finds data: of the bytes, or as DVC 2 made it.

DVC 2 hashed the text files of a data set as if their lines ended as on Unix, and kept their bytes.
So data with Windows line ends have another MD5 there. Source: dvc 2.x, `dvc/utils/__init__.py`,
`file_md5`, and dvc/istextfile.py.
"""

import hashlib
from collections.abc import Iterable

_BLOCK = 512
"""Bytes at the start of a file by which DVC tells a text."""
_TEXT = bytes([*range(32, 127), *b"\n\r\t\f\b"])
_MOST_OTHERS = 0.3


class DvcHash:
    """Both hashes of a file while it is read in pieces of 1 MiB, as DVC reads it."""

    def __init__(self) -> None:
        self._plain = hashlib.md5(usedforsecurity=False)
        self._unix = hashlib.md5(usedforsecurity=False)
        self._is_text: bool | None = None

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        if self._is_text is None and piece:
            self._is_text = _looks_like_text(piece[:_BLOCK])
        self._plain.update(piece)
        self._unix.update(piece.replace(b"\r\n", b"\n") if self._is_text else piece)

    @property
    def plain(self) -> str:
        """The MD5 of the bytes, as DVC 3 has it."""
        return self._plain.hexdigest()

    @property
    def unix(self) -> str:
        """The MD5 as DVC 2 has it."""
        return self._unix.hexdigest()


def dvc_hash(pieces: Iterable[bytes]) -> DvcHash:
    """Return both hashes of a file."""
    made = DvcHash()
    for piece in pieces:
        made.update(piece)
    return made


def _looks_like_text(block: bytes) -> bool:
    others = block.translate(None, _TEXT)
    return b"\0" not in block and len(others) / len(block) <= _MOST_OTHERS
