"""`goldenpath up`: one process that makes this machine run what git says."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option, show
from goldenpath.cli.parameters import ADDRESS
from goldenpath.cli.status import text_of
from goldenpath.errors import REFUSED


@click.command(help="Run on this machine what git wants, until told to stop.")
@click.option("--once", is_flag=True, help="Stop again as soon as nothing is on its way.")
@click.option("--listen", type=ADDRESS, help="Where the gateway answers.")
@click.option("--metrics", type=ADDRESS, help="Where Prometheus may read /metrics; else nowhere.")
@click.option("--grpc", type=ADDRESS, help="Where calls over gRPC are taken; else nowhere.")
@click.option("--detach", is_flag=True, help="Go on in the background once everything runs.")
@output_option
@click.pass_context
def verb(
    context: click.Context,
    once: bool,
    listen: str | None,
    metrics: str | None,
    grpc: str | None,
    detach: bool,
    output: Format,
) -> None:
    """Runs in the foreground, or starts itself in the background and waits until it is ready."""
    home = compose.home()
    asked = compose.Listening(listen, metrics, grpc)
    status = (
        compose.detach(home, asked) if detach else compose.serve(home, asked, once=once, say=note)
    )
    if detach or once:
        show(status, text_of(status), output)
        context.exit(0 if status.is_ready else REFUSED)
