"""`goldenpath log tiles`: the audit log as a Merkle tree in files, with proofs."""

import base64
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show


@click.command("tiles")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--event", type=click.IntRange(0), help="Prove that this event is in the tree.")
@click.option(
    "--since", type=click.IntRange(1), help="Prove that nothing before this size changed."
)
@output_option
def tiles(folder: Path, event: int | None, since: int | None, output: Format) -> None:
    """Write the audit log as tiles with a signed checkpoint.

    The formats are those of C2SP: tlog-tiles, tlog-checkpoint and signed-note. A second run adds
    what is new, and fails if a tile differs from the log. Events count from 0.
    """
    made = compose.export_tiles(compose.home(), folder)
    head = made.tiles.head
    record: dict[str, object] = {
        "origin": head.origin,
        "size": head.size,
        "root": _base64(head.root),
        "key": made.key,
        "written": made.tiles.written,
        "left_out": made.tiles.left_out,
    }
    lines = [f"{head.size} events, {made.tiles.written} new files", f"root {record['root']}"]
    lines += [f"key {made.key}", *(f"left out: {each}" for each in made.tiles.left_out)]
    for name, proof in (
        ("inclusion", None if event is None else made.tree.inclusion(event)),
        ("consistency", None if since is None else made.tree.consistency(since)),
    ):
        if proof is not None:
            record[name] = [_base64(each) for each in proof]
            lines += [f"{name} proof, {len(proof)} hashes:", *map(_base64, proof)]
    show(record, "\n".join(lines), output)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
