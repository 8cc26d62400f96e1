"""`goldenpath console`: show everything in a browser, on loopback and for reading alone."""

from functools import partial

import click

from goldenpath import compose
from goldenpath.cli.answering import answer
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import ADDRESS


@click.command()
@click.option(
    "--listen",
    type=ADDRESS,
    default="127.0.0.1:8700",
    show_default=True,
    help="Address of the pages, on this machine alone; port 0 takes a free one.",
)
@output_option
def verb(listen: str, output: Format) -> None:
    """Show models, rollouts, health, time and evidence in a browser until Ctrl-C.

    Every page shows the command that gives the same answer. The pages change nothing. They show
    the home of this machine, with what GOLDENPATH_GITOPS and a registry add to it.
    """
    from goldenpath.console.console_app import ConsoleSources
    from goldenpath.console.console_server import serve_console

    home = compose.home()
    sources = ConsoleSources(
        ask=answer,
        changes=partial(compose.machine_changes, home),
        stages=partial(compose.stages_of, home),
    )

    def ready(address: str) -> None:
        show({"address": address}, address, output)
        note("Ctrl-C ends it")

    serve_console(sources, listen, ready)
