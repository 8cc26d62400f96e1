"""`goldenpath serve`: serve one release by itself, on a laptop or in a container."""

import os
from collections.abc import Mapping

import click
import msgspec

from goldenpath import compose
from goldenpath.cli.output import Format, note, output_option
from goldenpath.cli.serving_flags import PREFIX, serving_flags
from goldenpath.cli.serving_page import event_line
from goldenpath.errors import did_you_mean
from goldenpath.serve.server.release_server import ServerOutput


@click.command(context_settings={"auto_envvar_prefix": PREFIX})
@click.argument("source", envvar=f"{PREFIX}_SOURCE")
@serving_flags
@output_option
@click.pass_context
def verb(context: click.Context, /, output: Format, **options: object) -> None:
    """Serve one release over REST and gRPC until SIGTERM.

    SOURCE is a folder of unpacked files, layout:PATH@NAME, oci://HOST/REPOSITORY@DIGEST, or a tag
    or digest in the home's registry. Each flag is also an environment variable.
    """
    _warn_of_unknown(context.command)

    def emit(event: Mapping[str, object]) -> None:
        if output == "json":
            click.echo(msgspec.json.encode(event))
        elif line := event_line(event):
            note(line)

    wish = msgspec.convert(options, compose.ServeOptions)
    compose.serve_release(compose.home(), wish, ServerOutput(emit, note))


def _warn_of_unknown(command: click.Command) -> None:
    """Name each variable with our prefix that is no flag: it may be a mistyped one."""
    known = {f"{PREFIX}_{each.name}".upper() for each in command.params}
    for name in sorted(name for name in os.environ if name.startswith(PREFIX + "_")):
        if name not in known:
            hint = did_you_mean(name, known)
            note(f"{name} is not a setting of this server{f': {hint}' if hint else ''}")
