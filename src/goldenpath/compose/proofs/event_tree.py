"""The tree over the audit log of this machine: its tiles in a folder, signed by the witness key."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldenpath.audit.anchors.anchor_record import events_origin
from goldenpath.audit.anchors.witness_writer import note_by
from goldenpath.audit.tiles.event_tiles import WrittenTiles, open_tiles, write_tiles
from goldenpath.audit.tiles.signed_note import verifier_key
from goldenpath.audit.tiles.tile_layout import TiledTree
from goldenpath.compose.gitops_access import trusted
from goldenpath.compose.witness import machine_of, witness_key
from goldenpath.errors import NotFound
from goldenpath.home import Home


@dataclass(frozen=True, slots=True)
class ExportedTree:
    """The tiles of the audit log, and who signed their checkpoint."""

    tiles: WrittenTiles
    key: str
    """The public key, as verifiers of signed notes take it."""
    tree: TiledTree


def export_tiles(home: Home, folder: Path) -> ExportedTree:
    """Bring the tiles of the audit log in a folder up to date.

    Raises `NotFound` if `platform.toml` lists no witness of this machine, `Unavailable` if its key
    cannot sign notes, and `VerificationError` if a tile there differs from the log.
    """
    witness = machine_of(home, trusted(home).platform)
    if witness is None:
        raise NotFound(
            "platform.toml lists no witness key of this machine: nobody would sign the checkpoint",
            hint="list it: goldenpath key witness NAME",
        )
    key = witness_key(home)
    public, _ = key.plain_signature(b"")  # before anything is written
    origin = events_origin(witness.name)
    tiles = write_tiles(home.events, folder, origin, partial(note_by, key, witness.name))
    return ExportedTree(tiles, verifier_key(origin, public), open_tiles(folder, tiles.head.size))
