"""What changes the gitops repository: founding, trust, and the desk of promotions."""

import os
from collections.abc import Mapping

from goldenpath.compose.gitops_access import forge, gitops, trusted
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import store_of
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts import proposal
from goldenpath.promote.acts.founding import Founded, PlatformOptions, found
from goldenpath.promote.acts.promotion import Workspace
from goldenpath.promote.acts.proposal import Changed
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.identity import Identity
from goldenpath.settings import Home


def set_up(home: Home, acting: Identity, wishes: PlatformOptions) -> Founded:
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


def desk(home: Home, acting: Identity) -> Workspace:
    """Where `acting` judges and changes stages."""
    platform = trusted(home).platform
    store = store_of(home, platform)
    return Workspace(gitops(home), home.trust, store, acting, now, forge(platform))
