"""The gitops repository of this machine, and the identity that acts on it."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.compose.process_context import now
from goldenpath.compose.stores import locate, store_of, store_uri
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, did_you_mean
from goldenpath.home import Home
from goldenpath.oci.names import find
from goldenpath.oci.store import Store
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.promote.acts.founding import STAGES
from goldenpath.promote.acts.scene import stage_of
from goldenpath.promote.manifests.object_names import length_refusal
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.chain_of_trust import (
    Pin,
    Trusted,
    follow,
    last_trusted,
    write_pin,
)
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.first_seen import FirstSeen, Sighting
from goldenpath.promote.repository.identity import Identity, find_identity, require_listed
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.settings import (
    CA_VARIABLE,
    FORGE_TOKEN_FILE_VARIABLE,
    FORGE_TOKEN_VARIABLE,
    GITOPS_VARIABLE,
    TRUST_VARIABLE,
)

if TYPE_CHECKING:
    from goldenpath.deploy.reconcile.gitops_source import GitSource
    from goldenpath.promote.forge.pull_request import Forge
    from goldenpath.promote.gates.monitoring.monitor_view import MonitorReader, MonitorView
    from goldenpath.release.attest.policy import Verified

_COMMIT = re.compile(r"[a-f0-9]{40}([a-f0-9]{24})?")


def gitops(home: Home) -> Repository:
    """Return the gitops repository: that of the environment, else the bare one in the home."""
    url = os.environ.get(GITOPS_VARIABLE) or str(home.gitops)
    return Repository(url, home.gitops_cache)


def trusted(home: Home) -> Trusted:
    """Return the newest trusted commit of the gitops repository, and its platform.

    A machine that was never set up takes the pinned first commit from the environment.
    """
    _pin_named_commit(home)
    return follow(gitops(home), home.trust, now(), witnessed_at=partial(witnessed_at, home))


def _pin_named_commit(home: Home) -> None:
    root = os.environ.get(TRUST_VARIABLE)
    if root and not home.trust.exists():
        if _COMMIT.fullmatch(root) is None:
            raise InvalidInput(f"{TRUST_VARIABLE} is not a commit: expected 40 or 64 hex digits")
        write_pin(home.trust, Pin(root, ""))


def git_source(home: Home) -> "GitSource":
    """Return what follows the gitops repository for a process that goes on."""
    from goldenpath.deploy.reconcile.gitops_source import GitSource

    _pin_named_commit(home)
    return GitSource(gitops(home), home.trust, now, witnessed_at=partial(witnessed_at, home))


def witnessed_at(home: Home, platform: Platform) -> Mapping[str, datetime]:
    """Return when the witnesses of a platform signed that they had seen each commit of `main`.

    It is read from our copy of the branch `anchors`, so that nobody waits for that branch; only a
    machine without a copy fetches it. What cannot be read helps no commit.
    """
    if not platform.witnesses:
        return {}
    from goldenpath.audit.anchors.anchors_branch import read_copy

    repository = anchors_repository(home)
    try:
        try:
            head = repository.head()
        except NotFound:
            head = repository.fetch()
        return read_copy(repository, head, platform.witnesses).seen()
    except GoldenPathError:
        return {}


def verified_branch(home: Home) -> Repository:
    """Return the branch `verified` of the gitops repository, in the copy that has `main`."""
    from goldenpath.promote.manifests.cluster import VERIFIED

    return Repository(gitops(home).url, home.gitops_cache, branch=VERIFIED)


def anchors_repository(home: Home) -> Repository:
    """Return the branch `anchors` of the gitops repository, with a copy of its own."""
    from goldenpath.audit.anchors.anchors_branch import BRANCH

    return Repository(gitops(home).url, home.anchors_cache, os.environ, branch=BRANCH)


def sighting(home: Home) -> Callable[[Commit], Sighting]:
    """Return what tells when a commit was first seen, by this machine's records."""
    return FirstSeen.beside(home.trust).sighting


def seen(home: Home) -> Callable[[Commit], datetime]:
    """Return what gives the time when a commit came, by this machine's records."""
    return FirstSeen.beside(home.trust).arrival


def statement_times(home: Home, known: Trusted) -> tuple[Mapping[Digest, datetime] | None, str]:
    """Return when statements were first seen here at the latest, and by whose time they count."""
    from goldenpath.promote.workspace.statement_times import StatementTimes, whose_times

    times = StatementTimes(gitops(home), seen(home)).known(known, now())
    return times, whose_times(known.platform, now(), has_follower=True)


@dataclass(frozen=True, slots=True)
class LastNames:
    """The stages, people and models that git names, as this machine last read them."""

    stages: tuple[str, ...]
    people: tuple[str, ...]
    models: tuple[str, ...]


def last_names(home: Home) -> LastNames:
    """Return the names of the platform as known locally, without asking a remote."""
    repository = gitops(home)
    is_remote = GITOPS_VARIABLE in os.environ
    return _names(repository, last_trusted(repository, home.trust) if is_remote else trusted(home))


def _names(repository: Repository, known: Trusted) -> LastNames:
    paths = (path.split("/") for path in repository.entries(known.commit, "envs/"))
    return LastNames(
        tuple(stage.name for stage in known.platform.stages),
        tuple(person.name for person in known.platform.people),
        tuple(sorted({parts[2] for parts in paths if len(parts) > 3})),
    )


def name_refusal(home: Home, model: str) -> str:
    """Return why the name is too long for a stage, by what is known locally; empty if it is not.

    A machine without a platform takes the stages of a new one. A model that is live somewhere keeps
    its name.
    """
    try:
        known = last_names(home)
    except NotFound:
        return length_refusal(model, [stage.name for stage in STAGES])
    return "" if model in known.models else length_refusal(model, known.stages)


def require_known(
    home: Home, stage: str | None, model: str | None, recorded: Collection[tuple[str, str]] = ()
) -> None:
    """Check the names by which an answer was filtered; None was not named.

    `recorded` holds stages and models of older records, which git may have forgotten. Raises
    `InvalidInput` for an unknown stage and `NotFound` for an unknown model, with the nearest name:
    a mistyped name must not be answered with "nothing".
    """
    stages, models = ({each[place] for each in recorded} for place in (0, 1))
    if stage in (None, *stages) and model in (None, *models):
        return
    newest = trusted(home)
    if stage is not None and stage not in stages:
        stage_of(newest.platform, stage)
    models |= set(_names(gitops(home), newest).models)
    if model is not None and model not in models:
        raise NotFound(
            f"{model!r} is not a model: expected one of {', '.join(sorted(models)) or 'none yet'}",
            hint=did_you_mean(model, models),
        )


def identity(name: str | None, key: Path | None, *, make_key: bool = False) -> Identity:
    """Return who acts, by flags, environment or git's own settings."""
    return find_identity(name, key, os.environ, make_key=make_key)


def person(home: Home, name: str | None, key: Path | None) -> Person:
    """Return the person that `platform.toml` lists with this name and key.

    Raises `InvalidInput` if there is none: otherwise an event could name anybody.
    """
    return require_listed(identity(name, key), trusted(home).platform, now())


def forge(platform: Platform) -> "Forge | None":
    """Return the forge for pull requests; None without `[forge]` or without a token.

    Raises `InvalidInput` if the token file cannot be read.
    """
    token, named = os.environ.get(FORGE_TOKEN_VARIABLE), os.environ.get(FORGE_TOKEN_FILE_VARIABLE)
    if not token and named:
        try:
            token = Path(named).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{FORGE_TOKEN_FILE_VARIABLE} names no token: {named}") from error
    if platform.forge is None or not token:
        return None
    from goldenpath.promote.forge.forges import open_forge

    authorities = os.environ.get(CA_VARIABLE)
    ca_file = Path(authorities) if authorities else None
    return open_forge(platform.forge, token, ca_file, environment=os.environ)


def monitors_of(home: Home) -> "MonitorReader":
    """Return what reads the findings of this machine's monitors, for the gate `findings`."""

    def read(platform: Platform, model: str) -> "MonitorView":
        from goldenpath.audit.advisories.advisory_findings import VexDesk
        from goldenpath.audit.health.monitor_evidence import monitor_view

        desk = VexDesk(platform, signed_statements(home, platform), now())
        return monitor_view(home, platform, model, desk)

    return read


def platform_store(home: Home) -> Store:
    """Return the store from which the stages of the platform run."""
    return store_of(home, trusted(home).platform)


def signed_statements(
    home: Home, platform: Platform, *, store: Platform | None = None
) -> "Callable[[Digest], Verified]":
    """Return a function that verifies what the platform's store holds about a release.

    Keys and people are those of `platform`, the store that of `store` if another one is named.
    """
    from goldenpath.promote.gates.admission_policy import release_policy
    from goldenpath.release.attest.verify import verify

    opened = cache(lambda: store_of(home, store or platform))
    times = cache(lambda: statement_times(home, trusted(home))[0])
    policy, people = release_policy(platform), platform.people

    def statements(digest: Digest) -> "Verified":
        return verify(opened(), digest, policy, people=people, now=now(), seen=times())

    return statements


def release(home: Home, reference: str) -> Digest:
    """Return the digest of a reference on the command line. Raises `NotFound`.

    A release that the home does not have is looked for in the platform's store.
    """
    store, name = locate(reference, home)
    try:
        return find(store, name).digest
    except NotFound:
        if name != reference:  # the reference names its store itself
            raise
        return find(platform_store(home), name).digest


def release_or_newest(home: Home, reference: str) -> Digest:
    """Return the digest of a release; the name of a model stands for its newest release.

    Only verbs that change nothing take a model: who signs or promotes names a release.
    """
    from goldenpath.release.artifact.release_tags import newest_release

    try:
        return release(home, reference)
    except NotFound as error:
        platform = trusted(home).platform
        stores = {store_uri(home, platform): store_of(home, platform)}
        stores.setdefault(f"layout:{home.registry}", LayoutStore(home.registry))
        dated = []
        for store in stores.values():
            with suppress(NotFound):
                dated.append(newest_release(store, reference))
        if not dated:
            models = _names(gitops(home), trusted(home)).models
            raise NotFound(
                f"{error.message}, and no model of that name has a release",
                hint=did_you_mean(reference, models) or error.hint,
            ) from error
        return max(dated, key=lambda pair: (pair[0], pair[1].text))[1]
