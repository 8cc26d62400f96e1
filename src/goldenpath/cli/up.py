"""`goldenpath up`: make this machine run what git declares, in one supervising process."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, said_if_done, show
from goldenpath.cli.parameters import ADDRESS
from goldenpath.cli.status_page import text_of
from goldenpath.errors import REFUSED
from goldenpath.settings import CONSOLE_ADDRESS


@click.command(help="Run on this machine what git declares, until stopped.")
@click.option("--once", is_flag=True, help="Stop as soon as nothing is in progress.")
@click.option("--listen", type=ADDRESS, help="Address of the gateway.")
@click.option("--metrics", type=ADDRESS, help="Address of /metrics for Prometheus; default: none.")
@click.option("--grpc", type=ADDRESS, help="Address for gRPC calls; default: none.")
@click.option("--console", type=ADDRESS, help="Address of the console. Default: 127.0.0.1:8700.")
@click.option("--no-console", is_flag=True, help="Do not serve the console.")
@click.option("--detach", is_flag=True, help="Continue in the background once everything runs.")
@click.option("--replace", is_flag=True, help="With --detach, take over from one that runs.")
@output_option
@click.pass_context
def verb(
    context: click.Context,
    once: bool,
    listen: str | None,
    metrics: str | None,
    grpc: str | None,
    console: str | None,
    no_console: bool,
    detach: bool,
    replace: bool,
    output: Format,
) -> None:
    """Run in the foreground, or start in the background and wait until it is ready.

    It takes over from one that runs: no request is refused meanwhile.
    """
    home = compose.home()
    shown = None if no_console or once else console or CONSOLE_ADDRESS
    listening = compose.Listening(listen, metrics, grpc, shown)
    with said_if_done(output):
        status = (
            compose.detach(home, listening, replaces=replace)
            if detach
            else compose.serve(home, listening, once=once, say=note)
        )
    if detach and (address := compose.console_of_up(home)):
        note(f"console: {address}")
    if detach or once:
        show(status, text_of(status), output)
        context.exit(0 if status.is_ready else REFUSED)
