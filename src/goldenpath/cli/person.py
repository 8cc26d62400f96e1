"""`goldenpath person`: who may approve, promote and change the platform."""

import click

from goldenpath.cli.person_add import add
from goldenpath.cli.person_end import end
from goldenpath.cli.person_list import list_people


@click.group(commands=[list_people, add, end])
def verb() -> None:
    """List, add or end a person who may approve and promote."""
