"""What changes the gitops repository: founding, trust, and the desk of promotions."""

import os
from collections.abc import Mapping

from goldenpath.gitops import proposal
from goldenpath.gitops.founding import Founded, Wishes, found
from goldenpath.gitops.identity import Identity
from goldenpath.gitops.promotion import Desk
from goldenpath.gitops.proposal import Changed
from goldenpath.gitops.trust import Trusted, follow
from goldenpath.registry.layout import LayoutStore
from goldenpath.settings import Home
from goldenpath.wire.governing import forge, gitops, trusted
from goldenpath.wire.here import now
from goldenpath.wire.stores import store_of


def set_up(home: Home, acting: Identity, wishes: Wishes) -> Founded:
    """Makes everything of a platform on this machine that is missing."""
    LayoutStore(home.registry)
    return found(home, gitops(home), acting, wishes, os.environ, now())


def change_trust(
    home: Home,
    known: Trusted,
    files: Mapping[str, bytes],
    message: str,
    acting: Identity,
    *,
    two: bool = False,
) -> Changed:
    """Commits files that follow from `platform.toml`, or proposes them to a second person."""
    return proposal.change_trust(gitops(home), known, files, message, acting, now(), two=two)


def confirm(home: Home, name: str, acting: Identity, *, dry_run: bool) -> Changed:
    """Confirms what another person proposed to change of trust."""
    repository = gitops(home)
    return proposal.confirm(
        repository,
        lambda: follow(repository, home.trust),
        name,
        acting,
        now(),
        dry_run=dry_run,
        forge=forge(trusted(home).platform),
    )


def desk(home: Home, acting: Identity) -> Desk:
    """Where `acting` judges and changes stages."""
    platform = trusted(home).platform
    store = store_of(home, platform)
    return Desk(gitops(home), home.trust, store, acting, now, forge(platform))
