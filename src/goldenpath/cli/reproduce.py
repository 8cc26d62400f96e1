"""`goldenpath reproduce`: train a release again and compare it bit for bit."""

import sys
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.audit.events.event import Event
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working
from goldenpath.errors import REFUSED
from goldenpath.files import timestamp
from goldenpath.oci.names import find
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.release.attest.verify import verify
from goldenpath.release.reproduce.reproduction import Reproduction, ReproductionTools, reproduce
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
    home = compose.home()
    store, name = compose.locate(reference, home)
    platform, tools = compose.trusted(home).platform, compose.tools()
    policy, digest = release_policy(platform), find(store, name).digest
    verified = verify(store, digest, policy, people=platform.people, now=compose.now())
    with workplace(home.builds, "reproduce") as work, working() as report:
        shop = ReproductionTools(
            store=store,
            near=Path.cwd(),
            given=source,
            work=work,
            throwaway=compose.throwaway_store,
            uv=compose.uv(),
            closed=compose.closed(home),
            tools=tools,
            train=lambda project, folder: train(
                project,
                folder,
                uv=compose.uv(),
                now=compose.now,
                report=report,
                tools=tools,
                kept=home.kept,
                data_cache=compose.data_cache(home, report),
                closed=compose.closed(home),
            ),
            report=report,
        )
        found = reproduce(verified, shop)
    compose.event_log(home).append(
        Event(
            time=timestamp(compose.now()),
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
