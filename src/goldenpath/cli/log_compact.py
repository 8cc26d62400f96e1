"""`goldenpath log compact`: pack many small files of the prediction log into few."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.observe.log.segments.compaction import compact
from goldenpath.release.attest.keys import PemSigner


@click.command("compact")
@output_option
def compact_log(output: Format) -> None:
    """Pack many small files of the log into few; every proof stays.

    Each segment keeps its name and its very bytes. `goldenpath up` packs what fills a file by
    itself; this packs all that is sealed.
    """
    home = compose.home()
    key = log_public_key(home)
    signer = PemSigner.load(home.log_key) if home.log_key.exists() else None
    done = compact(home.predictions, key, signer=signer, everything=True)
    files = f"{len(done.packed)} {'file' if len(done.packed) == 1 else 'files'}"
    text = f"{done.segments} segments are now in {files}" if done.packed else "nothing to pack"
    show(done, "\n".join([*done.left, text]), output)
