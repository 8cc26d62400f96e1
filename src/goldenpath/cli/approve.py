"""`goldenpath approve`: sign an approval of a release and of the evidence that the person saw."""

from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.approve_page import approval_page
from goldenpath.cli.changing import ActionContext, leave_event
from goldenpath.cli.judgement_records import approval_record
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.promote.workspace.stage_changes import approve


@click.command()
@click.argument("reference", metavar="RELEASE")
@stage_option("The stage it is approved for.", old=("--to", "--for"))
@click.option("--comment", default="", help="A comment for the record.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How long the approval is valid.",
)
@identity_options
@output_option
def verb(
    reference: str,
    stage: str,
    comment: str,
    days: int,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """Approve RELEASE for a stage, signed with your own SSH key."""
    home = compose.home()
    workspace = compose.workspace(home, compose.identity(name, key))
    digest = compose.release(home, reference)
    seen, lifetime = compose.seen_report(home, digest.text), timedelta(days=days)
    outcome = approve(workspace, digest, stage, comment=comment, lifetime=lifetime, report=seen)
    record, intent = approval_record(outcome), outcome.intent
    place = ActionContext(intent.person, stage, intent.model, digest)
    details = {"approval": str(outcome.envelope), "until": str(record["until"]), "comment": comment}
    details["report"] = seen.digest.text
    if intent.confirms:
        details["confirmed"] = intent.confirms
    leave_event(home, "release.approved", place, outcome.commit, details={**details})
    if intent.confirms:
        compose.wake(home)
    show(record, approval_page(outcome, seen), output)
