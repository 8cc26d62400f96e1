"""The gitops repository of this machine, and who acts on it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.compose.process_context import now
from goldenpath.compose.stores import locate, store_of
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.names import find
from goldenpath.oci.store import Store
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import (
    Pin,
    Trusted,
    follow,
    last_trusted,
    write_pin,
)
from goldenpath.promote.repository.identity import Identity, find_identity, require_listed
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.settings import (
    CA_VARIABLE,
    FORGE_TOKEN_FILE_VARIABLE,
    FORGE_TOKEN_VARIABLE,
    GITOPS_VARIABLE,
    TRUST_VARIABLE,
    Home,
)

if TYPE_CHECKING:
    from goldenpath.promote.repository.pull_request import Forge

_COMMIT = re.compile(r"[a-f0-9]{40}([a-f0-9]{24})?")


def gitops(home: Home) -> Repository:
    """The gitops repository: where the environment says, else the bare one in the home."""
    url = os.environ.get(GITOPS_VARIABLE) or str(home.gitops)
    return Repository(url, home.gitops_cache)


def trusted(home: Home) -> Trusted:
    """The newest commit of the gitops repository that counts, and its platform.

    A machine that was never set up takes the first commit from the environment.
    """
    root = os.environ.get(TRUST_VARIABLE)
    if root and not home.trust.exists():
        if _COMMIT.fullmatch(root) is None:
            raise InvalidInput(f"{TRUST_VARIABLE} is not a commit: expected 40 or 64 hex digits")
        write_pin(home.trust, Pin(root, ""))
    return follow(gitops(home), home.trust)


@dataclass(frozen=True, slots=True)
class LastNames:
    """The names that this machine read in git the last time."""

    stages: tuple[str, ...]
    people: tuple[str, ...]
    models: tuple[str, ...]


def last_names(home: Home) -> LastNames:
    """The names of the platform as this machine knows it, without asking a remote."""
    repository = gitops(home)
    is_remote = GITOPS_VARIABLE in os.environ
    known = last_trusted(repository, home.trust) if is_remote else trusted(home)
    paths = (path.split("/") for path in repository.entries(known.commit, "envs/"))
    return LastNames(
        tuple(stage.name for stage in known.platform.stages),
        tuple(person.name for person in known.platform.people),
        tuple(sorted({parts[2] for parts in paths if len(parts) > 3})),
    )


def identity(name: str | None, key: Path | None, *, make_key: bool = False) -> Identity:
    """Who acts, by flags, environment or git's own settings."""
    return find_identity(name, key, os.environ, make_key=make_key)


def person(home: Home, name: str | None, key: Path | None) -> Person:
    """Who acts, as `platform.toml` lists this name with this key.

    Raises `InvalidInput` if it lists nobody like that: an event would name somebody at will.
    """
    return require_listed(identity(name, key), trusted(home).platform, now())


def forge(platform: Platform) -> "Forge | None":
    """Where pull requests are opened; None without `[forge]`, or as long as there is no token.

    Raises `InvalidInput` for a file of a token that cannot be read.
    """
    token, named = os.environ.get(FORGE_TOKEN_VARIABLE), os.environ.get(FORGE_TOKEN_FILE_VARIABLE)
    if not token and named:
        try:
            token = Path(named).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{FORGE_TOKEN_FILE_VARIABLE} names no token: {named}") from error
    if platform.forge is None or not token:
        return None
    from goldenpath.promote.repository.forges import open_forge

    authorities = os.environ.get(CA_VARIABLE)
    return open_forge(platform.forge, token, Path(authorities) if authorities else None)


def platform_store(home: Home) -> Store:
    """The store that the platform's stages run from."""
    return store_of(home, trusted(home).platform)


def release(home: Home, reference: str) -> Digest:
    """The digest that a reference on the command line means. Raises `NotFound`.

    What the home does not have is looked for in the platform's store.
    """
    store, name = locate(reference, home)
    try:
        return find(store, name).digest
    except NotFound:
        if name != reference:  # it says itself where it is
            raise
        return find(platform_store(home), name).digest
