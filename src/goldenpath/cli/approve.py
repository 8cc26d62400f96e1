"""`goldenpath approve`: a person's signed word over a release and the evidence they saw."""

from datetime import timedelta
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.changing import ActionContext, leave_event
from goldenpath.cli.naming import stage_option
from goldenpath.cli.output import Format, output_option, show
from goldenpath.promote.acts.approving import approve


@click.command()
@click.argument("reference", metavar="RELEASE")
@stage_option("The stage it is approved for.", old=("--to", "--for"))
@click.option("--comment", default="", help="What the approver wants to be on record.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How long the approval counts.",
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
    desk = compose.desk(home, compose.identity(name, key))
    digest = compose.release(home, reference)
    done = approve(desk, digest, stage, comment=comment, lifetime=timedelta(days=days))
    place = ActionContext(done.person, stage, done.model, digest)
    details = {"approval": done.envelope.text, "until": done.until, "comment": comment}
    if done.confirmed:
        details["confirmed"] = done.confirmed
    leave_event(home, "release.approved", place, done.commit, {**details})
    text = (
        f"{done.person} approved {digest} for {stage} until {done.until}\n"
        f"over {len(done.evidence)} signed statements, as {done.envelope}"
    )
    if done.confirmed:
        where = f"commit {done.commit}" if done.commit else f"waits in the branch {done.branch}"
        where += f"\n{done.request.words}" if done.branch else ""
        text += f"\nstands for what {done.confirmed} did by broken glass: {where}"
        compose.wake(home)
    show(done, text, output)
