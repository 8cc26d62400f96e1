"""Changes of the gitops repository: set-up, trust, and the workspace of promotions."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from goldenpath.compose.gitops_access import forge, gitops, monitors_of, trusted
from goldenpath.compose.process_context import commit_events, now
from goldenpath.compose.stores import store_of
from goldenpath.errors import Unavailable
from goldenpath.home import Home
from goldenpath.observe.monitoring_files import monitoring_files
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.conversion import Conversion, conversion
from goldenpath.promote.acts.founding import PlatformOptions, platform_files
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.manifests.kustomize.cluster_setup import (
    ClusterScene,
    ClusterSetup,
    cluster_setup,
)
from goldenpath.promote.platform.forge_settings import Profile
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.platform.second_person import FOLDERS
from goldenpath.promote.repository.chain_of_trust import Trusted, read_pin
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.workspace import trust_changes
from goldenpath.promote.workspace.platform_setup import Founded, found
from goldenpath.promote.workspace.workspace import Outcome, Workspace

if TYPE_CHECKING:
    from goldenpath.promote.acts.holding import DeploymentUse
    from goldenpath.promote.forge.pull_request import Forge
    from goldenpath.promote.gates.test_sets.data_looks import LookLedger, LookReader
    from goldenpath.promote.workspace.clock_check import OtherClock


def set_up(home: Home, acting: Identity, wishes: PlatformOptions) -> Founded:
    """Create whatever part of a platform is missing on this machine."""
    LayoutStore(home.registry)
    return found(home, gitops(home), acting, wishes, environment=os.environ, now=now())


def change_trust(
    home: Home,
    known: Trusted,
    files: Mapping[str, bytes | None],
    message: str,
    *,
    acting: Identity,
    two: bool = False,
) -> Outcome[TrustIntent]:
    """Commit files that follow from `platform.toml`, or propose them to a second person."""
    # One person's change never waits in a pull request, so no forge is needed.
    place = _workspace(home, known.platform, acting, None)
    return trust_changes.change_trust(place, known, files, message, two=two)


def convert(
    home: Home, known: Trusted, message: str, *, acting: Identity
) -> tuple[Outcome[TrustIntent], Conversion]:
    """Commit all deployments in the form with a route, or propose that to a second person."""
    place = _workspace(home, known.platform, acting, None)
    changes = conversion(known.platform, place.repository.files(known.commit, "envs"))
    return trust_changes.change_trust(place, known, changes.files, message), changes


def set_up_cluster(
    home: Home,
    known: Trusted,
    message: str,
    *,
    acting: Identity,
    profile: Profile | None,
    renew: bool,
) -> tuple[Outcome[TrustIntent] | None, ClusterSetup]:
    """Commit the files for a cluster, or propose that; no outcome if nothing is to be changed."""
    place = _workspace(home, known.platform, acting, None)
    present: dict[str, bytes] = {}
    for folder in FOLDERS:
        present |= place.repository.files(known.commit, folder)
    (declared,) = place.repository.blobs([f"{known.commit}:{FILE}"])
    platform = known.platform
    if profile is not None:
        platform = replace(platform, cluster=replace(platform.cluster, profile=profile))
    scene = ClusterScene(
        platform,
        platform_files(platform),
        read_pin(home.trust).root,
        {**present, FILE: declared or b""},
        {**monitoring_files("rules"), **monitoring_files("dashboards")},
    )
    changes = cluster_setup(scene, renew=renew)
    if not changes.files:
        return None, changes
    return trust_changes.change_trust(place, known, changes.files, message), changes


def confirm(home: Home, name: str, acting: Identity, *, dry_run: bool) -> Outcome[TrustIntent]:
    """Confirm a change of trust that another person proposed."""

    def use(stage: str, model: str) -> "DeploymentUse":
        from goldenpath.compose.audits.register_sources import deployment_use

        return deployment_use(home, stage, model, timedelta(hours=1))

    return trust_changes.confirm(workspace(home, acting), name, dry_run=dry_run, use=use)


def workspace(home: Home, acting: Identity) -> Workspace:
    """Return the workspace in which `acting` judges and changes stages."""
    newest = trusted(home)
    # Before this person commits: so only later events can be about their commit.
    with suppress(Unavailable):  # whoever looks next derives them; a copy may be read-only
        commit_events(home, gitops(home)).catch_up(newest.commit)
    return _workspace(home, newest.platform, acting, forge(newest.platform))


def looks_of(home: Home) -> "LookReader":
    """Return what counts the looks at data, for the gate `test-sets`."""

    def read() -> "LookLedger":  # imported late: most acts need no registers
        from goldenpath.audit.test_sets.look_ledger import gather_looks
        from goldenpath.compose.audits.register_sources import signed_records

        return gather_looks(signed_records(home, now()), home)

    return read


def _workspace(
    home: Home, platform: Platform, acting: Identity, pull_requests: "Forge | None"
) -> Workspace:
    opened = cache(lambda: store_of(home, platform))
    repository = gitops(home)

    def other_clock() -> "OtherClock | None":
        from goldenpath.promote.workspace.remote_clock import remote_clock

        return remote_clock(repository.url, os.environ)

    return Workspace(
        repository,
        home.trust,
        opened,
        acting,
        now,
        pull_requests,
        other_clock,
        monitors_of(home),
        looks_of(home),
    )
