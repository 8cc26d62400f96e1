"""Finds pickles, which run code when they are loaded, by their content and not by their name.

It also looks into zip archives (PyTorch, `npz`), NumPy files and the compressions that joblib uses.
The opcodes are read, never run.
"""

import bz2
import io
import lzma
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

HEAD = 256 * 1024
"""Bytes at the beginning that are examined."""
MAX_MEMBERS = 10_000
_RUNS_CODE = frozenset(
    {"GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD", "EXT1"}
)
_ENOUGH = 4
"""Opcodes after the mark of protocols 2 to 5 that cannot be there by chance."""


def pickles_in(content: Path | bytes) -> Iterator[str]:
    """Yield the pickles in a file: "" for the file itself, the name for a member of an archive."""
    head = content[:HEAD] if isinstance(content, bytes) else _head(content)
    if _is_pickle(head) or _is_pickle(_unpacked(head)):
        yield ""
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    if not zipfile.is_zipfile(file):
        return
    try:
        with zipfile.ZipFile(file) as archive:
            for number, member in enumerate(archive.infolist()):
                if number >= MAX_MEMBERS:
                    yield f"more than {MAX_MEMBERS} members"
                    return
                with archive.open(member) as opened:
                    inner = opened.read(HEAD)
                if _is_pickle(inner) or _is_pickle(_unpacked(inner)):
                    yield member.filename[:200]
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error):
        # Encrypted or damaged: what cannot be examined must not pass as harmless.
        yield "an archive that cannot be read"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_pickle(head: bytes) -> bool:
    if head.startswith(b"\x93NUMPY"):
        # An array of objects is stored as a pickle after this header.
        return b"'|O" in head[:512] or b"'O'" in head[:512]
    marked = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    seen, runs = 0, False
    try:
        for opcode, _, _ in pickletools.genops(head):
            seen += 1
            runs = runs or opcode.name in _RUNS_CODE
            if seen > 100_000:
                break
    except (ValueError, EOFError, OverflowError, IndexError, struct.error):
        # The reader of opcodes stops at the end of `HEAD`, or because this is no pickle.
        return marked and seen >= _ENOUGH
    # Protocols 0 and 1 have no mark. Any text may look like one, but hardly any has a call in it.
    return marked or runs


def _unpacked(head: bytes) -> bytes:
    """Return the beginning of compressed content; empty if it is not compressed."""
    try:
        if head[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(head, HEAD)
        if head[:1] == b"\x78":
            return zlib.decompressobj().decompress(head, HEAD)
        if head[:3] == b"BZh":
            return bz2.BZ2Decompressor().decompress(head, HEAD)
        if head[:6] == b"\xfd7zXZ\x00":
            return lzma.LZMADecompressor().decompress(head, HEAD)
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        # It begins like compressed content and is none.
        return b""
    return b""
