"""`goldenpath catalogue`: lets the aliases of MLflow follow git."""

import click

from goldenpath import wire
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.progress import working


@click.command()
@output_option
def verb(output: Format) -> None:
    """Let the aliases of the catalogue follow git: one per stage, on the stable release.

    Git leads: an alias that somebody moved by hand is moved back.
    """
    home = wire.home()
    with working() as report:
        report("asking git what is stable in each stage")
        wanted = wire.desired(home)[1].deployments
        report("telling the catalogue")
        with wire.catalogue(home) as catalogue:
            followed = [
                {
                    "model": each.model,
                    "alias": each.stage,
                    "digest": each.slots[0].digest.text,
                    "version": catalogue.set_alias(
                        each.model, each.stage, each.slots[0].digest.text
                    ).number,
                }
                for each in wanted
            ]
    lines = [f"{a['model']}@{a['alias']}  version {a['version']}  {a['digest']}" for a in followed]
    show(followed, "\n".join(lines) or "no stage runs anything", output)
