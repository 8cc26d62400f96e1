"""`goldenpath why`: list what keeps a model out of a stage, and who can provide it."""

import click

from goldenpath import compose
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.naming import MODEL, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.promote.workspace.questions import what_is_missing
from goldenpath.promote.workspace.scene_reader import Viewpoint


@click.command()
@click.argument("model", type=MODEL)
@stage_option("The stage that the model should enter.", old=("--not-in",))
@click.option("--release", "reference", help="A release; default: the newest one on its way.")
@output_option
def verb(model: str, stage: str, reference: str | None, output: Format) -> None:
    """List what keeps MODEL out of a stage, and who can help."""
    home = compose.home()
    digest = None if reference is None else compose.release(home, reference)
    store, trusted = compose.platform_store(home), compose.trusted(home)
    view = Viewpoint(compose.gitops(home), trusted, store, compose.now(), compose.seen(home))
    found = what_is_missing(view, model, stage, digest)
    lines = [found.summary]
    if found.missing:
        lines.append(findings_text(found.missing))
    show(found, "\n".join(lines), output)
