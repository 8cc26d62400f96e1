"""`goldenpath log anchor`: heads of copied prediction logs to the branch `anchors`, for a job."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, show


@click.command("anchor")
@stage_option("The stage whose pods wrote the logs.")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Key of a witness that platform.toml lists; that of the home otherwise.",
)
@output_option
def anchor(stage: str, key: Path | None, output: Format) -> None:
    """Sign the heads of copied prediction logs into git.

    GOLDENPATH_PREDICTIONS names the copy: a folder or a URL. Where goldenpath up runs, it does this
    by itself.
    """
    commit = compose.anchor_copied_log(compose.home(), stage, key)
    text = f"heads of the logs of {stage} are held by commit {commit[:12]}"
    show({"commit": commit}, text if commit else f"nothing is new in the logs of {stage}", output)
