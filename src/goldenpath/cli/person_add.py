"""`goldenpath person add`: list a person, by a signed commit."""

from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.founding import require_known_roles, with_person
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import require_listed
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey


@click.command("add")
@click.argument("new")
@click.option(
    "--role", "roles", multiple=True, required=True, help="A role of the person; repeatable."
)
@click.option("--ssh-key", type=click.Path(path_type=Path), required=True, help="Their .pub file.")
@click.option("--make-key", is_flag=True, help="Make the key, and its private part beside it.")
@identity_options
@output_option
def add(
    new: str,
    roles: tuple[str, ...],
    ssh_key: Path,
    make_key: bool,
    name: str | None,
    key: Path | None,
    output: Format,
) -> None:
    """List a person in platform.toml, by a signed commit."""
    acting = compose.identity(name, key)

    def listed(platform: Platform) -> Platform:
        # Both are checked before a key is made.
        require_listed(acting, platform, compose.now())
        require_known_roles(platform, roles)
        if make_key:
            SshKey.generate(ssh_key.with_suffix(""))
        return with_person(platform, Person(new, roles, SshKey.load(ssh_key).public_line))

    message = f"platform: list {new}\n\nRoles: {', '.join(roles)}\n"
    change_platform(listed, message, new, acting, output=output)
