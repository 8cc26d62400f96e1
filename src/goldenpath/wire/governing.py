"""The gitops repository of this machine, and who acts on it."""

import os
from collections.abc import Mapping
from pathlib import Path

from goldenpath.gitops import proposal
from goldenpath.gitops.founding import Founded, Wishes, found
from goldenpath.gitops.identity import Identity, find_identity
from goldenpath.gitops.promotion import Desk
from goldenpath.gitops.proposal import Changed
from goldenpath.gitops.trust import Trusted, follow
from goldenpath.gitops.worktree import Repository
from goldenpath.oci.store import Store
from goldenpath.registry.layout import LayoutStore
from goldenpath.settings import GITOPS_VARIABLE, Home
from goldenpath.wire.here import now
from goldenpath.wire.stores import open_store, store_uri


def gitops(home: Home) -> Repository:
    """The gitops repository: where the environment says, else the bare one in the home."""
    url = os.environ.get(GITOPS_VARIABLE) or str(home.gitops)
    return Repository(url, home.gitops_cache)


def trusted(home: Home) -> Trusted:
    """The newest commit of the gitops repository that counts, and its platform."""
    return follow(gitops(home), home.trust)


def identity(name: str | None, key: Path | None, *, make_key: bool = False) -> Identity:
    """Who acts, by flags, environment or git's own settings."""
    return find_identity(name, key, os.environ, make_key=make_key)


def set_up(home: Home, acting: Identity, wishes: Wishes) -> Founded:
    """Makes everything of a platform on this machine that is missing."""
    LayoutStore(home.registry)
    return found(home, gitops(home), acting, wishes, os.environ, now())


def change_trust(
    home: Home,
    trusted: Trusted,
    files: Mapping[str, bytes],
    message: str,
    acting: Identity,
    *,
    two: bool = False,
) -> Changed:
    """Commits files that follow from `platform.toml`, or proposes them to a second person."""
    return proposal.change_trust(gitops(home), trusted, files, message, acting, now(), two=two)


def confirm(home: Home, name: str, acting: Identity, *, dry_run: bool) -> Changed:
    """Confirms what another person proposed to change of trust."""
    repository = gitops(home)
    return proposal.confirm(
        repository, lambda: follow(repository, home.trust), name, acting, now(), dry_run=dry_run
    )


def desk(home: Home, acting: Identity) -> Desk:
    """Where `acting` judges and changes stages."""
    return Desk(gitops(home), home.trust, platform_store(home), acting, now)


def platform_store(home: Home) -> Store:
    """The store that the platform's stages run from."""
    return open_store(store_uri(home, trusted(home).platform))
