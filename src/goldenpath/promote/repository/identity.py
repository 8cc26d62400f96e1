"""The identity that acts: a name that `platform.toml` lists, and that person's SSH key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.processes.tool import run_tool
from goldenpath.promote.platform.people import not_listed
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import IDENTITY_VARIABLE

_NAME = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a machine with a key to sign with."""

    name: str
    key: SshKey


def find_identity(
    name: str | None, key: Path | None, environment: Mapping[str, str], *, make_key: bool = False
) -> Identity:
    """Return the identity from the flags, else the environment, else the git configuration.

    Raises `InvalidInput` if there is no name, and `NotFound` if there is no key.
    """
    given = name or environment.get(IDENTITY_VARIABLE) or _git_config("user.name", environment)
    chosen = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-")
    if not given:
        raise InvalidInput(
            "it is not known who acts",
            hint=f"give a name with --as NAME, or set {IDENTITY_VARIABLE}",
        )
    if _NAME.fullmatch(chosen) is None or (name is not None and name != chosen):
        raise InvalidInput(
            f"{given!r} is not a valid name: expected lower-case letters, digits and dashes",
            hint=f"give one with --as NAME, or set {IDENTITY_VARIABLE}",
        )
    path = key or _default_key(environment)
    if make_key and not path.exists():
        return Identity(chosen, SshKey.generate(path))
    try:
        return Identity(chosen, SshKey.load(path))
    except NotFound as error:
        raise NotFound(
            error.message,
            hint=f"make one with: ssh-keygen -t ed25519 -f {path} (or add --make-key to init)",
        ) from error


def require_listed(
    identity: Identity, platform: Platform, now: datetime, *, machines: bool = False
) -> Person:
    """Return the entry of `platform.toml` for this name and key, if it is valid at `now`.

    Raises `InvalidInput` if there is none: nobody would follow a commit by anybody else.
    """
    listed = platform.committers if machines else platform.people
    for person in listed:
        same = is_same_key(person.ssh_key, identity.key.public_line)
        if person.name == identity.name and same:
            return require_current(person, now)
        if person.name == identity.name:
            raise InvalidInput(
                f"{identity.key.path} is not the key that platform.toml lists for {identity.name}",
                hint="name the right key with --key",
            )
        if same:
            raise InvalidInput(
                f"{identity.key.path} is the key of {person.name}, not of {identity.name}",
                hint=f"act with --as {person.name}",
            )
    raise not_listed(identity.name, platform)


def signing_person(people: Sequence[Person], name: str, key: str) -> Person | None:
    """Return the person who is listed by this name and this key; None if nobody is."""
    mine = (each for each in people if each.name == name and is_same_key(each.ssh_key, key))
    return next(mine, None)


def require_current(person: Person, now: datetime) -> Person:
    if person.valid_until is not None and now >= person.valid_until:
        raise InvalidInput(
            f"the key of {person.name} expired on {person.valid_until.isoformat()}",
            hint="another listed person has to act",
        )
    if person.valid_from is not None and now < person.valid_from:
        raise InvalidInput(
            f"the key of {person.name} is valid only from {person.valid_from.isoformat()} on"
        )
    return person


def _default_key(environment: Mapping[str, str]) -> Path:
    configured = _git_config("user.signingkey", environment)
    home = Path(environment.get("HOME", "~")).expanduser()
    if configured and not configured.startswith(("ssh-", "key::")):
        return Path(configured.replace("~", str(home), 1))
    return home / ".ssh" / "id_ed25519"


def _git_config(key: str, environment: Mapping[str, str]) -> str:
    """Return the person's git setting; empty if it is not set, or git is not installed."""
    try:
        command = ["git", "config", "--get", key]
        return run_tool(command, seconds=10, environment=environment).text
    except Unavailable:
        return ""
