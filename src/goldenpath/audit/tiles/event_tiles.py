"""The tiles of the audit log in a folder: written once, compared each time, with their checkpoint.

A leaf is a line of the log. The folder can be served by any web server or copied anywhere. A full
tile that differs from the log is a fault: either of both was rewritten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldenpath.audit.events.event_tail import lines_after
from goldenpath.audit.tiles.signed_note import TreeCheckpoint
from goldenpath.audit.tiles.tile_layout import (
    WIDTH,
    TiledTree,
    entries_path,
    entry_tile,
    hash_tiles,
)
from goldenpath.errors import NotFound, VerificationError
from goldenpath.files import publish, write_whole
from goldenpath.merkle_tree import leaf_hash, tree_head

CHECKPOINT = "checkpoint"
"""The name of the signed head beside the tiles."""


@dataclass(frozen=True, slots=True)
class WrittenTiles:
    """What a folder of tiles holds after it was brought up to date."""

    head: TreeCheckpoint
    written: int
    """Files that are new."""
    left_out: tuple[str, ...]
    """Tiles of leaves that are not there, since one of their events is longer than 65,535 bytes."""


def write_tiles(
    events: Path, folder: Path, origin: str, sign: Callable[[bytes], bytes]
) -> WrittenTiles:
    """Bring the tiles of an audit log up to date, and write the signed checkpoint last.

    `sign` returns the note of a text. Raises `VerificationError` if a full tile that is there
    differs from the log.
    """
    leaves, group, left_out = list[bytes](), list[bytes](), list[str]()
    written = 0

    def add_entries() -> None:
        nonlocal written
        path, content = entries_path((len(leaves) - 1) // WIDTH, len(group)), entry_tile(group)
        if content is None:
            left_out.append(path)
        else:
            written += _write(folder, path, content)
        group.clear()

    for line, _ in lines_after(events, ("", 0)):
        leaves.append(leaf_hash(line))
        group.append(line)
        if len(group) == WIDTH:
            add_entries()
    if group:
        add_entries()
    for path, content in hash_tiles(leaves):
        written += _write(folder, path, content)
    head = TreeCheckpoint(origin, len(leaves), tree_head(leaves))
    write_whole(folder / CHECKPOINT, sign(head.text), 0o644)
    return WrittenTiles(head, written, tuple(left_out))


def open_tiles(folder: Path, size: int) -> TiledTree:
    """Return the tree of a size from its tiles in a folder."""

    def read(path: str) -> bytes:
        full, _, width = path.partition(".p/")
        wanted = int(width) if width else WIDTH
        try:
            return (folder / path).read_bytes()
        except FileNotFoundError:
            pass
        try:  # a full tile has the hashes of every partial one before it
            return (folder / full).read_bytes()[: wanted * 32]
        except FileNotFoundError as error:
            raise NotFound(f"{folder} has no {path}") from error

    return TiledTree(size, read)


def _write(folder: Path, path: str, content: bytes) -> int:
    """Write a tile that is not there, and return how many were written.

    Raises `VerificationError` if it is there with another content.
    """
    file = folder / path
    try:
        before = file.read_bytes()
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        publish(file, content)
        return 1
    if before != content:
        raise VerificationError(
            f"{path} in {folder} differs from the audit log: one of both was rewritten",
            hint="compare both with the heads on the branch anchors: goldenpath log check",
        )
    return 0
