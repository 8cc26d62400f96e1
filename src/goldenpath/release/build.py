"""From a project to a signed release: train, pack, attest, sign, catalogue, in that order.

Nothing is packed before all that could refuse the release has spoken, and the signature comes
last, so that an interrupted build leaves nothing that counts. Building what is there already adds
nothing: the same commit gives the same digest, and a release that verifies is left as it is.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.drift.profile import render_profile
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.oci.copy import copy
from goldenpath.oci.store import Store
from goldenpath.oci.stream import TrackProgress, untracked
from goldenpath.project.contract import render_contract
from goldenpath.project.spec import MODEL, Project
from goldenpath.release.artifact.pack import Contents, Packed, pack
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.policy import Policy, TrustedKey
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
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.system_packages import installed_packages
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.run import Trained
from goldenpath.train.training_run import SourceState, TrainingRun

EVIDENCE = (SIGNED, PROVENANCE, SBOM, DATASET, METRICS, TEST_RESULT, SCAN)
"""What every release carries, each signed by the key of the build."""


@dataclass(frozen=True, slots=True)
class Built:
    """A release, where it is, and whether this build added it."""

    digest: str
    modelpack: str
    model: str
    version: str
    tag: str
    commit: str
    catalogue_version: str
    is_new: bool
    """False if the very same release was there, signed and whole."""
    run: TrainingRun


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTools:
    """What a build works with; the verb fills it."""

    store: Store
    signer: Signer
    key: TrustedKey
    """The public side of `signer`."""
    repository: str
    """Where releases are said to be: `HOST/PATH`, without the model's name."""
    catalogue: Callable[[], AbstractContextManager[Catalogue]]
    read_source: Callable[[Project], SourceState]
    train: Callable[[Project], Trained]
    clock: Callable[[], datetime]
    report: Callable[[str], None]
    builder: str = BUILDER
    """`builder.id` that the provenance names."""
    published: Store | None = None
    """The store that stages run from, where it is another one and the key counts there."""
    advisories: Advisories | None = None
    """Known vulnerabilities; without them the scan says that it did not look."""
    watch: TrackProgress = untracked
    """Hears how far packing is."""


def build(project: Project, workshop: BuildTools, *, allow_dirty: bool = False) -> Built:
    """Makes the release.

    Raises `InvalidInput` if the tree holds what no commit does, or a check of the project fails.
    A release of a dirty tree is marked so, and no gate lets it pass.
    """
    if not allow_dirty and workshop.read_source(project).dirty:
        raise InvalidInput(
            f"{project.root} has changes that are not committed",
            hint="commit or stash them, or build with --allow-dirty what can never be promoted",
        )
    with workshop.catalogue() as catalogue:  # it loads while the training runs
        trained = workshop.train(project)
        _refuse_failed_checks(trained.run)
        workshop.report("packing")
        contents = contents_of(project, trained)
        packed = pack(workshop.store, contents, workshop.watch)
        is_new = not _is_complete(packed.image.digest, workshop)
        if is_new:
            workshop.report("attesting and signing")
            _attest(project, packed, trained, contents, workshop=workshop)
        tag = f"{project.name}-{trained.run.source.commit[:12]}"
        workshop.store.tag(tag, packed.image)
        if workshop.published is not None and is_new:
            workshop.report("copying to the registry")
            copy(workshop.store, workshop.published, packed.image)
            workshop.published.tag(tag, packed.image)
        workshop.report("registering in the catalogue")
        source = f"oci://{workshop.repository}/{project.name}@{packed.image.digest}"
        told = entry(
            trained.run,
            packed.image.digest,
            source,
            modelpack=packed.modelpack.digest,
            logged=trained.logged,
        )
        version = catalogue.register(told)
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


def _refuse_failed_checks(run: TrainingRun) -> None:
    failed = [check for check in run.checks if not check.passed]
    if failed:
        listed = "; ".join(f"{check.name}: {check.detail}" for check in failed)
        raise InvalidInput(f"the project did not pass its own checks: {listed}")


def contents_of(project: Project, trained: Trained) -> Contents:
    """What the release of this training is packed from."""
    root, content = Path(project.root), trained.content
    runtime = None if content is None else content.runtime(trained.outputs)
    return Contents(
        name=project.name,
        version=trained.run.source.commit[:12],
        outputs=trained.outputs,
        contract=render_contract(project.contract),
        profile=render_profile(trained.profile),
        lock=(root / "uv.lock").read_bytes(),
        python_version=trained.run.environment.python,
        documents={
            **_documents(root / "compliance"),
            # Tier and protected groups are what gates and reports are judged by.
            "goldenpath.toml": (root / "goldenpath.toml").read_bytes(),
        },
        commit=trained.run.source.commit,
        committed_at=trained.run.source.committed_at,
        remote=trained.run.source.remote,
        runtime=runtime,
        model_files=(MODEL,) if runtime is None else runtime.files,
        model_format="onnx" if runtime is None else "python",
        code={} if content is None else content.code,
        wheels={} if content is None else content.paths,
    )


def _documents(folder: Path) -> Mapping[str, bytes]:
    """What people wrote, by its path in the release; the card stands beside the model."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return {
        (name if name == "card.md" else f"compliance/{name}"): content
        for name, content in found.items()
    }


def _is_complete(digest: Digest, workshop: BuildTools) -> bool:
    policy = Policy(keys=(workshop.key,), required=EVIDENCE)
    store = workshop.published or workshop.store
    try:
        return verify(store, digest, policy, now=workshop.clock()).holds
    except NotFound:
        return False


def _attest(
    project: Project, packed: Packed, trained: Trained, contents: Contents, *, workshop: BuildTools
) -> None:
    attach_rows(workshop.store, packed.image, trained.rows)
    said = statements(
        trained.run,
        (packed.image.digest, packed.modelpack.digest),
        builder=workshop.builder,
        version=contents.version,
        contract=project.contract,
        documents={name: Digest.of(text) for name, text in contents.documents.items()},
        system=installed_packages(),
    )
    files: dict[str, Path | bytes] = {
        **{name: contents.outputs / name for name in contents.model_files},
        **contents.documents,
        **{f"src/{name}": code for name, code in contents.code.items()},
        "uv.lock": contents.lock,
        "contract.json": contents.contract,
        "profile.json": contents.profile,
    }
    scanned = scan(files, trained.run.environment.packages, workshop.advisories)
    subjects = (packed.image.digest, packed.modelpack.digest)
    for statement in (*said, scan_statement(scanned, subjects)):
        attach(workshop.store, packed.image, statement, workshop.signer, now=workshop.clock())
    repository = f"{workshop.repository}/{project.name}"
    sign_image(workshop.store, packed.image, repository, workshop.signer, now=workshop.clock())
