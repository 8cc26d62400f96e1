"""Builds a signed release from a project: train, pack, attest, sign, catalogue, in that order.

Every check of the project runs before packing, and the release is signed last. So an interrupted
build leaves nothing that verifies. The same commit gives the same digest, and a release that
verifies already is not attested again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.drift.profile_format import render_profile
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.copy import copy
from goldenpath.oci.store import Store, listed_together
from goldenpath.oci.stream import TrackProgress, untracked
from goldenpath.project.contract import render_contract
from goldenpath.project.links import links_below
from goldenpath.project.spec import Project
from goldenpath.release.artifact.pack import Contents, Packed, pack
from goldenpath.release.artifact.release_tags import release_tag
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.policy import NO_JOB, JobIdentity, Policy, TrustedKey
from goldenpath.release.attest.signatures.signer import Signer
from goldenpath.release.attest.statement import (
    BUILDER,
    DATASET,
    METRICS,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
)
from goldenpath.release.attest.verify import verify
from goldenpath.release.catalogue.catalogue_process import Catalogue
from goldenpath.release.catalogue.entry import entry
from goldenpath.release.evidence.advisories import Advisories
from goldenpath.release.evidence.attached_rows import attach_rows
from goldenpath.release.evidence.contributions import Contributions
from goldenpath.release.evidence.scan import faults as scan_faults
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.system_packages import installed_packages
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.run import Trained
from goldenpath.train.training_run import TrainingRun

EVIDENCE = (SIGNED, PROVENANCE, SBOM, DATASET, METRICS, TEST_RESULT, SCAN)
"""Predicate types of the evidence of every release, each signed by the build key."""
_MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build: the release, its names, and whether it is new."""

    digest: str
    modelpack: str
    model: str
    version: str
    tag: str
    commit: str
    catalogue_version: str
    is_new: bool
    """False if the same release was there already, signed and complete."""
    run: TrainingRun


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTools:
    """Everything that a build needs from outside; the verb fills it."""

    store: Store
    signer: Signer
    key: TrustedKey
    """The public side of `signer`."""
    repository: str
    """The repository of releases, `HOST/PATH`, without the model's name."""
    catalogue: Callable[[], AbstractContextManager[Catalogue]]
    changes: Callable[[Project], Sequence[str]]
    """Returns the files of the project that differ from its commit."""
    contributions: Callable[[Project, str], Contributions]
    """Returns who wrote which part of the project in a commit."""
    train: Callable[[Project], Trained]
    clock: Callable[[], datetime]
    report: Callable[[str], None]
    builder: str = BUILDER
    """`builder.id` that the provenance names."""
    job: JobIdentity = NO_JOB
    """The CI job that this build runs in, by its token."""
    published: Store | None = None
    """The store that stages run from, if it is another one and trusts the key."""
    advisories: Advisories | None = None
    """Known vulnerabilities; without them the scan reports "not scanned"."""
    watch: TrackProgress = untracked
    """Shows the progress of packing."""


def build(project: Project, tools: BuildTools, *, allow_dirty: bool = False) -> Built:
    """Build the release.

    Raises `InvalidInput` if the work tree has uncommitted changes, or if a check of the project
    fails. With `allow_dirty` the release is marked as dirty, and no gate lets it pass.
    """
    if not allow_dirty:
        _refuse_changes(project, tools.changes(project))
    with tools.catalogue() as catalogue:  # MLflow loads while the training runs
        trained = tools.train(project)
        _refuse_failed_checks(trained.run)
        tools.report("packing")
        contents = contents_of(project, trained)
        tag = release_tag(project.name, trained.run.source.commit)
        with listed_together(tools.store):
            packed = pack(tools.store, contents, tools.watch)
            # The same commit gives the same digest. Signing it again would only add statements with
            # other times.
            is_new = not _is_complete(packed.image.digest, tools)
            if is_new:
                tools.report("attesting and signing")
                _attest(project, packed, trained, contents, tools=tools)
            # The tag comes after the evidence: whoever finds a release by its tag finds it signed.
            tools.store.tag(tag, packed.image)
        if tools.published is not None and is_new:
            tools.report("copying to the registry")
            copy(tools.store, tools.published, packed.image)
            tools.published.tag(tag, packed.image)
        tools.report("registering in the catalogue")
        source = f"oci://{tools.repository}/{project.name}@{packed.image.digest}"
        registration = entry(
            trained.run,
            packed.image.digest,
            source,
            modelpack=packed.modelpack.digest,
            logged=trained.logged,
        )
        version = catalogue.register(registration)
    return Built(
        digest=packed.image.digest.text,
        modelpack=packed.modelpack.digest.text,
        model=project.name,
        version=contents.version,
        tag=tag,
        commit=trained.run.source.commit,
        catalogue_version=version.number,
        is_new=is_new,
        run=trained.run,
    )


def _refuse_changes(project: Project, changes: Sequence[str]) -> None:
    if changes:
        more = f" and {len(changes) - _MAX_NAMED} more" if len(changes) > _MAX_NAMED else ""
        raise InvalidInput(
            f"{project.root} has changes that are not committed: "
            f"{', '.join(changes[:_MAX_NAMED])}{more}",
            hint="commit or stash them; or use --allow-dirty for a release that cannot be promoted",
        )


def _refuse_failed_checks(run: TrainingRun) -> None:
    failed = [check for check in run.checks if not check.passed]
    if failed:
        listed = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise InvalidInput(f"the project did not pass its own checks: {listed}")


def contents_of(project: Project, trained: Trained) -> Contents:
    """Return everything that goes into the release of this training."""
    source, content = trained.source, trained.content
    runtime = None if content is None else content.runtime(trained.outputs)
    return Contents(
        name=project.name,
        version=trained.run.source.commit[:12],
        outputs=trained.outputs,
        contract=render_contract(project.contract),
        profile=render_profile(trained.profile),
        lock=(source / "uv.lock").read_bytes(),
        python_version=trained.run.environment.python,
        documents={
            **_documents(source / "compliance"),
            # Gates and reports read the tier and the protected groups from it.
            "goldenpath.toml": (source / "goldenpath.toml").read_bytes(),
        },
        commit=trained.run.source.commit,
        committed_at=trained.run.source.committed_at,
        remote=trained.run.source.remote,
        runtime=runtime,
        model_files=project.training.model_files if runtime is None else runtime.files,
        model_format="onnx" if runtime is None else "python",
        code={} if content is None else content.code,
        wheels={} if content is None else content.paths,
    )


def _documents(folder: Path) -> Mapping[str, bytes]:
    """Return the documents of people by their path in the release; the card is at the top.

    Raises `InvalidInput` for a link: what it names is decided by this machine.
    """
    if folder.is_dir():
        links = [path.relative_to(folder).as_posix() for path in links_below(folder)]
        if links:
            raise InvalidInput(
                f"{folder} has links: {', '.join(links[:20])}",
                hint="replace each link by a copy of the file, and commit it",
            )
    texts = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        (name if name == "card.md" else f"compliance/{name}"): content
        for name, content in texts.items()
    }


def _is_complete(digest: Digest, tools: BuildTools) -> bool:
    policy = Policy(keys=(tools.key,), required=EVIDENCE)
    store = tools.published or tools.store
    try:
        return verify(store, digest, policy, now=tools.clock()).holds
    except NotFound:
        return False


def _attest(
    project: Project,
    packed: Packed,
    trained: Trained,
    contents: Contents,
    *,
    tools: BuildTools,
) -> None:
    attach_rows(tools.store, packed.image, trained.rows)
    made = statements(
        trained.run,
        (packed.image.digest, packed.modelpack.digest),
        builder=tools.builder,
        version=contents.version,
        contract=project.contract,
        documents={name: Digest.of(text) for name, text in contents.documents.items()},
        system=installed_packages(),
        contributions=tools.contributions(project, trained.run.source.commit),
        job=tools.job,
    )
    files: dict[str, Path | bytes] = {
        **{name: contents.outputs / name for name in contents.model_files},
        **contents.documents,
        **{f"src/{name}": code for name, code in contents.code.items()},
        "uv.lock": contents.lock,
        "contract.json": contents.contract,
        "profile.json": contents.profile,
    }
    scanned = scan(files, trained.run.environment.packages, tools.advisories)
    for fault in scan_faults(scanned, ()):
        tools.report(f"WARNING: a stage that asks the gate scan refuses this release: {fault}")
    subjects = (packed.image.digest, packed.modelpack.digest)
    for statement in (*made, scan_statement(scanned, subjects)):
        attach(tools.store, packed.image, statement, tools.signer, now=tools.clock())
    repository = f"{tools.repository}/{project.name}"
    sign_image(tools.store, packed.image, repository, tools.signer, now=tools.clock())
