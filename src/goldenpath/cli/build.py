"""`goldenpath build`: from the commit that is checked out to a signed release."""

from pathlib import Path

import click

from goldenpath import wire
from goldenpath.audit.event import Event
from goldenpath.build import Built, build
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.progress import working
from goldenpath.durable import timestamp
from goldenpath.project.load import load_project
from goldenpath.train.workplace import workplace


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--allow-dirty", is_flag=True, help="Build what no commit holds; no gate passes it.")
@output_option
def verb(folder: Path, allow_dirty: bool, output: Format) -> None:
    """Train in the locked environment, evaluate, pack, attest and sign.

    Building the same commit again gives the same digest and adds nothing.
    """
    home = wire.home()
    project = load_project(folder.absolute())
    with workplace(home.builds, project.name) as work, working() as report:
        built = build(project, wire.workshop(home, work, report), allow_dirty=allow_dirty)
    wire.event_log(home).append(
        Event(
            time=timestamp(wire.now()),
            kind="release.built",
            actor=built.run.source.author,
            model=built.model,
            digest=built.digest,
            details={"commit": built.commit, "new": built.is_new, "tag": built.tag},
        )
    )
    show(built, _text(built), output)
    if not built.is_new:
        note("the same release was there already, signed and whole: nothing was added")


def _text(built: Built) -> str:
    overall = [metric for metric in built.run.metrics if not metric.slice]
    lines = [
        f"{metric.name:24} {metric.value:.4f}"
        + (f"  ({metric.low:.4f} to {metric.high:.4f})" if metric.low is not None else "")
        for metric in overall
    ]
    return "\n".join(
        [
            *lines,
            f"catalogue                version {built.catalogue_version}",
            f"tag                      {built.tag}",
            f"digest                   {built.digest}",
        ]
    )
