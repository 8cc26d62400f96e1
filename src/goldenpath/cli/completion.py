"""`goldenpath completion`: print the script with which a shell completes verbs and options."""

import click
from click.shell_completion import get_completion_class

VARIABLE = "_GOLDENPATH_COMPLETE"
"""The variable with which the script asks the command for completions."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def verb(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL, for a file that it reads when it starts."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.BadParameter(f"{shell} is not known")
    click.echo(kind(context.find_root().command, {}, "goldenpath", VARIABLE).source())
