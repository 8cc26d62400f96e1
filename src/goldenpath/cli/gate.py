"""`goldenpath gate`: show how the gates of a stage judge a release."""

import sys

import click

from goldenpath import compose
from goldenpath.cli.findings_page import findings_text
from goldenpath.cli.naming import PERSON, refuse_stage, stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.errors import REFUSED
from goldenpath.promote.workspace.questions import assess
from goldenpath.promote.workspace.scene_reader import Viewpoint


@click.command()
@click.argument("reference", metavar="RELEASE")
@stage_option("The stage whose gates judge.", old=("--as-stage",))
@click.option(
    "--as",
    "name",
    type=PERSON,
    default="",
    is_eager=True,
    callback=refuse_stage,
    help="Judge as if this person promoted it.",
)
@output_option
def verb(reference: str, stage: str, name: str, output: Format) -> None:
    """Judge RELEASE by the gates of a stage, and change nothing; exit 7 if one is closed.

    The name of a model means its newest release.
    """
    home = compose.home()
    repository, store = compose.gitops(home), compose.platform_store(home)
    digest = compose.release_or_newest(home, reference)
    trusted = compose.trusted(home)
    view = Viewpoint(
        repository, trusted, store, compose.now(), compose.seen(home), compose.monitors_of(home),
        compose.looks_of(home),
    )  # fmt: skip
    judged = assess(view, digest, stage, name).decision
    verdict = "every gate is open" if judged.allowed else "closed"
    text = f"{digest} for {stage}\n{findings_text(judged.findings)}\n{verdict}"
    show({"allowed": judged.allowed, "decision": judged}, text, output)
    if not judged.allowed:
        sys.exit(REFUSED)
