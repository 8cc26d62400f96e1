"""`goldenpath console`: show everything in a browser, for reading alone."""

from functools import partial

import click

from goldenpath import compose
from goldenpath.cli.answering import answer
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import ADDRESS


@click.command()
@click.argument("source", required=False)
@click.option(
    "--listen",
    type=ADDRESS,
    help="Address of the pages; port 0 takes a free one. Default: 127.0.0.1:8700.",
)
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="A name by which browsers reach it."
)
@click.option("--inherited", type=int, hidden=True)
@output_option
def verb(
    source: str | None,
    listen: str | None,
    names: tuple[str, ...],
    inherited: int | None,
    output: Format,
) -> None:
    """Show models, rollouts, health, time and evidence in a browser until Ctrl-C.

    Every page shows the command that gives the same answer. The pages change nothing. They show
    the home of this machine, with what GOLDENPATH_GITOPS and a registry add to it; or SOURCE, the
    folder of another home or the address of a gitops repository. Beyond loopback it takes the
    certificate and the tokens of the other listeners.
    """
    from goldenpath.console.console_app import ConsoleSources
    from goldenpath.console.console_server import serve_console

    with compose.console_source(source) as home:
        here = source is None and listen is None and inherited is None
        if here and (served := compose.console_of_up(home)):
            show({"address": served}, served, output)
            note("goldenpath up serves it")
            return
        listening = compose.console_listening(listen, names, inherited, note)
        sources = ConsoleSources(
            ask=answer,
            changes=partial(compose.machine_changes, home),
            stages=partial(compose.stages_of, home),
        )

        def ready(address: str) -> None:
            show({"address": address}, address, output)
            note("Ctrl-C ends it")

        serve_console(sources, listening, ready)
