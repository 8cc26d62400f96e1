"""`goldenpath reproduce`: train a release again and compare it bit for bit."""

import sys
from pathlib import Path

import click

from goldenpath import wire
from goldenpath.attest.verify import verify
from goldenpath.audit.event import Event
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.durable import timestamp
from goldenpath.errors import REFUSED
from goldenpath.oci.names import find
from goldenpath.promote.admission import release_policy
from goldenpath.reproduce.repeat import Reproduction, Shop, reproduce
from goldenpath.train.run import train
from goldenpath.train.workplace import workplace


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--from", "source", help="A clone or address of the project's repository.")
@output_option
def verb(reference: str, source: str | None, output: Format) -> None:
    """Train RELEASE again and compare it bit for bit; exit 7 if it differs.

    Commit, lock, data and parameters are those of its signed provenance. Data that git does not
    keep are taken from the project in the working folder.
    """
    home = wire.home()
    store, name = wire.locate(reference, home)
    platform, tools = wire.trusted(home).platform, wire.tools()
    policy, digest = release_policy(platform), find(store, name).digest
    verified = verify(store, digest, policy, people=platform.people, now=wire.now())
    with workplace(home.builds, "reproduce") as work, working() as report:
        shop = Shop(
            store=store,
            near=Path.cwd(),
            given=source,
            work=work,
            throwaway=wire.throwaway_store,
            uv=wire.uv(),
            closed=wire.closed(home),
            tools=tools,
            train=lambda project, folder: train(
                project,
                folder,
                uv=wire.uv(),
                now=wire.now,
                report=report,
                tools=tools,
                kept=home.kept,
                depot=wire.depot(home, report),
                closed=wire.closed(home),
            ),
            report=report,
        )
        found = reproduce(verified, shop)
    wire.event_log(home).append(
        Event(
            time=timestamp(wire.now()),
            kind="release.reproduced",
            actor="system",
            model=found.model,
            digest=found.digest,
            details={
                "equal": found.equal,
                "repeated": found.repeated,
                "causes": list(found.causes),
                "largest_difference": found.largest_difference,
            },
        )
    )
    show(found, _text(found), output)
    if not found.equal:
        sys.exit(REFUSED)


def _text(found: Reproduction) -> str:
    lines = [f"release   {found.digest}", f"repeated  {found.repeated}"]
    if found.equal:
        return "\n".join([*lines, f"equal, bit for bit, from commit {found.commit[:12]}"])
    lines += [f"differs   {name}" for name in found.files]
    lines += [f"cause     {cause}" for cause in found.causes]
    if found.rows:
        lines.append(
            f"scores    differ by at most {found.largest_difference:.2g}, "
            f"{found.mean_difference:.2g} in the mean; {found.decisions_changed} of "
            f"{found.rows} reference rows are decided otherwise"
        )
    if found.unscored:
        lines.append(f"scores    not compared: {found.unscored}")
    return "\n".join(lines)
