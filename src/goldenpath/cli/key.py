"""`goldenpath key`: the build keys that releases are signed with."""

import click

from goldenpath.cli.key_add import add
from goldenpath.cli.key_admit import admit
from goldenpath.cli.key_end import end
from goldenpath.cli.key_list import list_keys
from goldenpath.cli.key_revoke import revoke
from goldenpath.cli.key_witness import witness


@click.group(commands=[list_keys, add, end, revoke, witness, admit])
def verb() -> None:
    """List, add, end or revoke a key that signs releases, or list another machine."""
