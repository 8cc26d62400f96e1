"""What a build works with, and the store that has all evidence."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.audit.answers.evidence_gathering import Sources
from goldenpath.canonical import JsonValue
from goldenpath.compose.gitops_access import gitops, name_refusal, sighting, trusted
from goldenpath.compose.process_context import event_log, home, now, tools, uv
from goldenpath.compose.signing import job_identity, signer
from goldenpath.compose.stores import locate, open_store, store_of, store_uri, throwaway_store
from goldenpath.compose.witness import held
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.oci.names import find
from goldenpath.release.catalogue.catalogue_process import Catalogue
from goldenpath.settings import (
    ADVISORIES_VARIABLE,
    BUILDER_VARIABLE,
    TRACKING_VARIABLE,
    ObjectStore,
)

if TYPE_CHECKING:
    from goldenpath.oci.store import Store
    from goldenpath.oci.stream import TrackProgress
    from goldenpath.parsers.fault import Fault
    from goldenpath.processes.confinement import Confinement
    from goldenpath.project.spec import Project
    from goldenpath.project.statements import StatementScene
    from goldenpath.promote.platform.build_rules import BuildRules
    from goldenpath.promote.platform.platform import Platform
    from goldenpath.release.build import BuildTools, Built
    from goldenpath.release.reproduce.reproduction import ReproductionTools
    from goldenpath.train.data.data_cache import DataCache
    from goldenpath.train.environment.uv_program import Uv


def catalogue(home: Home) -> Catalogue:
    """Return the MLflow catalogue: the server that the environment names, else a local database."""
    uri = os.environ.get(TRACKING_VARIABLE) or f"sqlite:///{home.catalogue}"
    return Catalogue(uri, home.root / "mlflow")


def sources(home: Home, reference: str) -> tuple[Sources, Digest]:
    """Return the store with all evidence and the release of `reference`. Raises `NotFound`."""
    commit = trusted(home)
    store, digest = _evidence_store(home, reference, commit.platform)
    found = Sources(store, gitops(home), commit, home, held(home, commit.platform), sighting(home))
    return found, digest


def _evidence_store(home: Home, reference: str, platform: "Platform") -> "tuple[Store, Digest]":
    store, name = locate(reference, home)
    if name == reference:  # it names no store, and people sign in the store of the platform
        with suppress(NotFound):
            shared = store_of(home, platform)
            return shared, find(shared, name).digest
    return store, find(store, name).digest


def data_cache(home: Home, report: Callable[[str], None]) -> "DataCache":
    """Return how data outside a project are fetched, and where to."""
    from goldenpath.train.data.data_cache import DataCache

    return DataCache(
        folder=home.data,
        open_store=lambda reference: locate(reference, home),
        objects=ObjectStore.of(os.environ),
        report=report,
    )


def _published(home: Home, platform: "Platform", key: bytes) -> "Store | None":
    """Return the store of the stages, to which a build with a trusted key also publishes."""
    uri = store_uri(home, platform)
    counts = any(each.public_key == key for each in platform.build_keys)
    return open_store(uri) if counts and uri != f"layout:{home.registry}" else None


def project_faults(
    home: Home, root: Path, scene: "StatementScene | None" = None
) -> "tuple[Fault, ...]":
    """Return all faults of a project; its lock is judged as the build judges it.

    `scene` is what `statement_scene` returned, for a caller that has it already.
    The rules of the platform count as this machine followed them last. Nothing is fetched.

    Raises `Unavailable` if uv cannot compare the lock with the project.
    """
    from goldenpath.project.links import link_faults
    from goldenpath.project.load import faults, read_declaration
    from goldenpath.train.environment.lock_check import lock_faults

    if any(link_faults(root)):
        return faults(root, now())
    listed = faults(root, now(), scene or statement_scene(home, root))
    try:
        project = with_rules(read_declaration(root), _known_rules(home))
        rules = (project.indexes, project.file_hosts)
        network = project.training.network
    except InvalidInput:  # it is among the faults; the lock is judged by the default rules
        rules, network = ((), ()), False
    else:
        listed = (*listed, *_name_faults(project.name))
    return (*listed, *lock_faults(root, uv_tools(), *rules, network=network))


def uv_tools() -> "Uv":
    """Return uv with the environment of the user, confined as this machine can."""
    from goldenpath.processes.confinement import confine
    from goldenpath.train.environment.uv_program import Uv

    return Uv(uv(), tools(), confine())


def statement_scene(home: Home, root: Path) -> "StatementScene":
    """Return what the statements of a project are compared with on this machine."""
    from goldenpath.project.claims.project_facts import project_facts
    from goldenpath.project.links import link_faults
    from goldenpath.project.load import read_declaration
    from goldenpath.project.statements import StatementScene
    from goldenpath.promote.repository.chain_of_trust import last_trusted

    try:
        platform = last_trusted(gitops(home), home.trust).platform
        people, demonstration = platform.people, platform.statements.demonstration
    except NotFound:
        people, demonstration = None, False
    facts = None
    if not any(link_faults(root)):
        # What cannot be read is among the faults, and nothing is compared with it.
        with suppress(InvalidInput, NotFound):
            facts = project_facts(read_declaration(root), *_locked_packages(root))
    return StatementScene(people, demonstration, facts)


def _locked_packages(root: Path) -> "tuple[tuple[tuple[str, str], ...] | None, str]":
    """Return the packages of the lock, None if it cannot be read, and the version of Python."""
    from goldenpath.project.text import read_text
    from goldenpath.train.environment.lock_check import read_lock
    from goldenpath.train.environment.uv_lock import parse_lock

    try:
        python = read_text(root / ".python-version").strip()
    except InvalidInput:
        python = ""
    try:
        locked = parse_lock(read_lock(root))
    except (InvalidInput, NotFound):
        return None, python
    return tuple((each.name, each.version) for each in locked), python


def _known_rules(home: Home) -> "BuildRules":
    from goldenpath.promote.platform.build_rules import ANY_BUILD
    from goldenpath.promote.repository.chain_of_trust import last_trusted

    try:
        return last_trusted(gitops(home), home.trust).platform.build
    except NotFound:
        return ANY_BUILD  # a machine without a platform


def with_rules(project: "Project", rules: "BuildRules") -> "Project":
    """Return the project with the indexes of the platform, if the platform lists any."""
    if not rules.indexes:
        return project
    return replace(project, indexes=rules.indexes, file_hosts=rules.file_hosts)


def _name_faults(name: str) -> "Iterator[Fault]":
    """Yield a fault if no cluster could serve a model of this name in every stage."""
    from goldenpath.parsers.fault import Fault

    refused = name_refusal(home(), name)
    if refused:
        yield Fault("goldenpath.toml", "model.name", "a shorter name", repr(name), refused)


def _accepted(project: "Project", platform: "Platform", confinement: "Confinement") -> "Project":
    """Return the project. Raises `InvalidInput` if the platform's rules for builds refuse it."""
    from goldenpath.promote.platform.build_rules import build_faults

    project = with_rules(project, platform.build)
    recorded: dict[str, JsonValue] = {
        "confinement": list(confinement.measures),
        "network": project.training.network,
        "indexes": list(project.indexes),
        "fileHosts": list(project.file_hosts),
    }
    wrong = tuple(build_faults(platform.build, recorded))
    if wrong:
        raise InvalidInput(
            f"the platform refuses this build: {'; '.join(wrong)}",
            hint="build on a machine with these measures, or take training.network out of "
            "goldenpath.toml; [build] of platform.toml has the rules",
        )
    return project


def workshop(
    home: Home, work: Path, report: Callable[[str], None], watch: "TrackProgress | None" = None
) -> "BuildTools":
    """Return what a build in the folder `work` needs. Raises `NotFound` without a platform."""
    from goldenpath.oci.stream import untracked
    from goldenpath.processes.confinement import confine
    from goldenpath.promote.acts.rotation import require_trusted
    from goldenpath.release.attest.keys import key_from_pem, public_pem
    from goldenpath.release.attest.statement import BUILDER
    from goldenpath.release.build import BuildTools
    from goldenpath.release.evidence.advisories import read_advisories
    from goldenpath.release.evidence.contribution_history import contributions_of
    from goldenpath.train.run import train
    from goldenpath.train.source_state import changes_of

    key = signer(home)
    platform = trusted(home).platform
    confinement = confine()
    # Checked before the training, so that no release is built which no stage would trust.
    require_trusted(platform, key.public_key(), now())
    environment, advisories = tools(), os.environ.get(ADVISORIES_VARIABLE)
    return BuildTools(
        store=open_store(f"layout:{home.registry}"),
        signer=key,
        key=key_from_pem("build", public_pem(key)),
        published=_published(home, platform, key.public_key()),
        builder=os.environ.get(BUILDER_VARIABLE) or BUILDER,
        job=job_identity(now()),
        repository=platform.registry_prefix,
        catalogue=lambda: catalogue(home),
        changes=lambda project: changes_of(Path(project.root), environment),
        contributions=lambda project, commit: contributions_of(
            Path(project.root), environment, commit
        ),
        train=lambda project: train(
            _accepted(project, platform, confinement),
            work,
            uv=uv(),
            now=now,
            report=report,
            tools=environment,
            kept=home.build_cache,
            data_cache=data_cache(home, report),
            confinement=confinement,
        ),
        clock=now,
        report=report,
        advisories=read_advisories(Path(advisories)) if advisories else None,
        watch=watch or untracked,
    )


def make_release(
    home: Home,
    project: "Project",
    report: Callable[[str], None],
    watch: "TrackProgress",
    *,
    allow_dirty: bool = False,
) -> "Built":
    """Build a release of a project, with its event. Raises as `goldenpath.release.build` does."""
    from goldenpath.audit.events.event import Event
    from goldenpath.release.build import build
    from goldenpath.times import timestamp
    from goldenpath.train.build_folder import build_folder

    with build_folder(home.builds, project.name) as work:
        built = build(project, workshop(home, work, report, watch), allow_dirty=allow_dirty)
    event_log(home).append(
        Event(
            time=timestamp(now()),
            kind="release.built",
            actor=built.run.source.author,
            model=built.model,
            digest=built.digest,
            details={"commit": built.commit, "new": built.is_new, "tag": built.tag},
        )
    )
    return built


def reproduction_tools(
    home: Home, store: "Store", work: Path, report: Callable[[str], None], *, given: str | None
) -> "ReproductionTools":
    """What a repetition in the folder `work` works with; `given` is a repository to take."""
    from goldenpath.release.reproduce.reproduction import ReproductionTools
    from goldenpath.train.run import train

    environment = tools()
    return ReproductionTools(
        store=store,
        near=Path.cwd(),
        given=given,
        work=work,
        throwaway=throwaway_store,
        uv=uv(),
        tools=environment,
        train=lambda project, folder: train(
            project,
            folder,
            uv=uv(),
            now=now,
            report=report,
            tools=environment,
            kept=home.build_cache,
            data_cache=data_cache(home, report),
        ),
        report=report,
    )
