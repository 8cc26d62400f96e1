"""`goldenpath person`: who may approve, promote and change the platform."""

from datetime import UTC, datetime
from pathlib import Path

import click

from goldenpath import compose
from goldenpath.cli.acting import identity_options
from goldenpath.cli.output import Format, output_option, show
from goldenpath.cli.trusting import change_platform
from goldenpath.promote.acts.founding import with_person, without_person
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import require_listed
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey, fingerprint


@click.group
def verb() -> None:
    """List, add or end a person who may approve and promote."""


@verb.command("list")
@output_option
def list_people(output: Format) -> None:
    """List the people of platform.toml with their roles and keys."""
    people = compose.trusted(compose.home()).platform.people
    width = max((len(person.name) for person in people), default=0)
    lines = [
        f"{p.name:{width}}  {fingerprint(p.ssh_key)}  {', '.join(p.roles) or '-'}" for p in people
    ]
    show(people, "\n".join(lines), output)


@verb.command("add")
@click.argument("new")
@click.option("--role", "roles", multiple=True, required=True, help="May be given repeatedly.")
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
        require_listed(acting, platform, compose.now())  # before a key is made
        if make_key:
            SshKey.generate(ssh_key.with_suffix(""))
        return with_person(platform, Person(new, roles, SshKey.load(ssh_key).public_line))

    message = f"platform: list {new}\n\nRoles: {', '.join(roles)}\n"
    change_platform(listed, message, new, acting, output=output)


@verb.command("end")
@click.argument("leaving")
@click.option("--at", type=click.DateTime(), help="When, in UTC; now otherwise.")
@identity_options
@output_option
def end(
    leaving: str, at: datetime | None, name: str | None, key: Path | None, output: Format
) -> None:
    """End the time of a person; what they signed before still counts."""
    moment = at.replace(tzinfo=UTC) if at else compose.now().replace(microsecond=0)
    message = f"platform: end the time of {leaving}\n\nFrom {moment.isoformat()} on.\n"
    change_platform(
        lambda platform: without_person(platform, leaving, moment),
        message, leaving, compose.identity(name, key), output=output,
    )  # fmt: skip
