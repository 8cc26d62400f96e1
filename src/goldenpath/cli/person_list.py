"""`goldenpath person list`: list the people of platform.toml."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.tables import TableRow, table
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint


@click.command("list")
@output_option
def list_people(output: Format) -> None:
    """List the people of platform.toml with their roles and keys."""
    people = compose.trusted(compose.home()).platform.people
    rows = [
        TableRow((each.name, fingerprint(each.ssh_key), ", ".join(each.roles) or "-"))
        for each in people
    ]
    show(people, table(("person", "key", "roles"), rows), output)
