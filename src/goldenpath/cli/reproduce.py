"""`goldenpath reproduce`: train a release again and compare it bit for bit."""

import sys

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.cli.reproduction_page import reproduction_page
from goldenpath.errors import REFUSED
from goldenpath.oci.names import find
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.release.attest.verify import verify
from goldenpath.release.reproduce.reproduction import reproduce
from goldenpath.times import timestamp
from goldenpath.train.build_folder import build_folder


@click.command()
@click.argument("reference", metavar="RELEASE")
@click.option("--from", "source", help="A clone or address of the project's repository.")
@output_option
def verb(reference: str, source: str | None, output: Format) -> None:
    """Train RELEASE again and compare it bit for bit; exit 7 if it differs.

    Commit, lock, data and parameters are those of its signed provenance. Data that git does not
    keep are taken from the project in the working folder.
    """
    home = compose.home()
    store, name = compose.locate(reference, home)
    platform = compose.trusted(home).platform
    policy, digest = release_policy(platform), find(store, name).digest
    verified = verify(store, digest, policy, people=platform.people, now=compose.now())
    with build_folder(home.builds, "reproduce") as work, working() as report:
        tools = compose.reproduction_tools(home, store, work, report, given=source)
        reproduction = reproduce(verified, tools)
    compose.event_log(home).append(
        Event(
            time=timestamp(compose.now()),
            kind="release.reproduced",
            actor="system",
            model=reproduction.model,
            digest=reproduction.digest,
            details={
                "equal": reproduction.equal,
                "repeated": reproduction.repeated,
                "causes": list(reproduction.causes),
                "largest_difference": reproduction.largest_difference,
            },
        )
    )
    show(reproduction, reproduction_page(reproduction), output)
    if not reproduction.equal:
        sys.exit(REFUSED)
