"""Repeats the training of a release, packs the result, and reports what differs and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, InvalidInput, VerificationError
from goldenpath.oci.store import Store
from goldenpath.project.load import load_project
from goldenpath.project.spec import FILE, REFERENCE, Project
from goldenpath.release.artifact.pack import PLATFORM_FOLDER, pack
from goldenpath.release.artifact.unpack import open_release
from goldenpath.release.attest.policy import Verified
from goldenpath.release.build import contents_of
from goldenpath.release.evidence.training_statements import origin_of, packages_of
from goldenpath.release.reproduce.causes import causes
from goldenpath.release.reproduce.checkout import bring_data, check_out, find_source, project_folder
from goldenpath.release.reproduce.score_distance import ScoreDistance, distance, is_served_from
from goldenpath.train.evaluation.evaluate import columns_of
from goldenpath.train.run import Trained

NO_DISTANCE = ScoreDistance(0, 0.0, 0.0, 0)
UNSTEADY = (
    "the training itself: two repetitions on this machine differ from each other (an unset seed, "
    "the time, threads or the order of rows)"
)
UNKNOWN = (
    "nothing that was recorded: two repetitions on this machine are equal, but differ from the "
    "release"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReproductionTools:
    """Stores, folders and programs for a repetition; the verb provides them."""

    store: Store
    near: Path
    """A folder that may have the commit and its data."""
    given: str | None
    """A repository to clone instead."""
    work: Path
    throwaway: Callable[[], Store]
    uv: str
    tools: Mapping[str, str]
    train: Callable[[Project, Path], Trained]
    report: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A release compared with its repetition."""

    digest: str
    repeated: str
    """Digest of the repeated release."""
    model: str
    commit: str
    equal: bool
    files: tuple[str, ...]
    """Files of the release that differ."""
    causes: tuple[str, ...]
    """Recorded differences that may be the cause, or that there are none; empty if equal."""
    rows: int = 0
    """Reference rows that both models scored; 0 if the models have the same bytes."""
    largest_difference: float = 0.0
    mean_difference: float = 0.0
    decisions_changed: int = 0
    """Rows that fall into another band."""
    unscored: str = ""
    """Why the two models, which differ, could not both be run here."""


def reproduce(verified: Verified, shop: ReproductionTools) -> Reproduction:
    """Train the release again from its commit, lock, data and parameters.

    Raises `VerificationError` without valid provenance, `InvalidInput` if the release was built
    from uncommitted changes, and `NotFound` if commit or data are missing.
    """
    origin = origin_of(verified)
    if origin is None:
        raise VerificationError(f"{verified.subject.short} has no valid provenance")
    # A provenance that does not state this is not taken for clean.
    if origin.internal.get("dirty") is not False:
        raise InvalidInput("the release was built from uncommitted changes")
    released = open_release(shop.store, verified.subject).files
    shop.report("checking out the commit")
    source = find_source(origin.commit, origin.repository, shop.given, shop.near, tools=shop.tools)
    checkout = shop.work / "source"
    check_out(source, origin.commit, origin.repository, checkout, tools=shop.tools)
    root = project_folder(checkout, released.get(f"{PLATFORM_FOLDER}/{FILE}", b""))
    missing = bring_data(root, shop.near)
    if missing:
        raise InvalidInput(
            f"the commit does not contain the data {', '.join(missing)}",
            hint="run the command in the project folder that has them",
        )
    project = load_project(root)
    trained = shop.train(project, shop.work / "first")
    repeated, files = _packed(project, trained, shop)
    different = tuple(
        name for name in sorted({*released, *files}) if released.get(name) != files.get(name)
    )
    if repeated == verified.subject:
        reasons: tuple[str, ...] = ()
    else:
        reasons = causes(origin, packages_of(verified), trained.run) or (
            _unrecorded(project, files, shop),
        )
    apart, unscored = NO_DISTANCE, ""
    if any(is_served_from(project, name) for name in different):
        apart, unscored = _distance(project, trained, released, files, shop=shop)
    return Reproduction(
        digest=verified.subject.text,
        repeated=repeated.text,
        model=project.name,
        commit=origin.commit,
        equal=repeated == verified.subject,
        files=different,
        causes=reasons,
        rows=apart.rows,
        largest_difference=apart.largest,
        mean_difference=apart.mean,
        decisions_changed=apart.decisions_changed,
        unscored=unscored,
    )


def _packed(
    project: Project, trained: Trained, shop: ReproductionTools
) -> tuple[Digest, Mapping[str, bytes]]:
    store = shop.throwaway()
    digest = pack(store, contents_of(project, trained)).image.digest
    return digest, open_release(store, digest).files


def _unrecorded(project: Project, first: Mapping[str, bytes], shop: ReproductionTools) -> str:
    """Return the cause without a recorded difference, found by one more training."""
    shop.report("training once more, to see whether it gives the same result")
    _, second = _packed(project, shop.train(project, shop.work / "second"), shop)
    return UNKNOWN if first == second else UNSTEADY


def _distance(
    project: Project,
    trained: Trained,
    released: Mapping[str, bytes],
    repeated: Mapping[str, bytes],
    *,
    shop: ReproductionTools,
) -> tuple[ScoreDistance, str]:
    shop.report("scoring with both models")
    table = columns_of(trained.outputs / REFERENCE, project.contract)
    place = shop.work / "asked"
    try:
        measured = distance(
            project, table, released, repeated, work=place,
            uv=shop.uv, tools=shop.tools,
        )  # fmt: skip
    except GoldenPathError as error:  # the scores are an extra: files and causes are known already
        return NO_DISTANCE, error.message
    return measured, ""
