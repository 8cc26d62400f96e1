"""`goldenpath person list`: list the people of platform.toml."""

import click

from goldenpath import compose
from goldenpath.cli.output import Format, output_option, show
from goldenpath.release.attest.signatures.sshsig import fingerprint


@click.command("list")
@output_option
def list_people(output: Format) -> None:
    """List the people of platform.toml with their roles and keys."""
    people = compose.trusted(compose.home()).platform.people
    width = max((len(person.name) for person in people), default=0)
    lines = [
        f"{p.name:{width}}  {fingerprint(p.ssh_key)}  {', '.join(p.roles) or '-'}" for p in people
    ]
    show(people, "\n".join(lines), output)
