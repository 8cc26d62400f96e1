"""What a signed commit may do: the rules of trust, of machines, and of restrictions in force."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.promote.manifests.commit_rights import FileStep, machine_refusal
from goldenpath.promote.manifests.deployment_files import parse_deployments
from goldenpath.promote.manifests.deployment_path import DEPLOYMENT_PATH
from goldenpath.promote.manifests.restrictions import Files, Step, refusal
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.demands import demonstration_refusal
from goldenpath.promote.platform.model_limits import limit_refusal
from goldenpath.promote.platform.platform import FILE, Platform, parse_platform
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import CHANGE
from goldenpath.promote.repository.countersign import check_alone, check_trust
from goldenpath.promote.repository.worktree import Repository

_AT_ONCE = 20
"""Commits whose files are read in one call of git, as most searches end with the first ones."""
TAKE_OUT = "nobody follows this commit: take it out of main again"


class PlatformHistory:
    """The `platform.toml` of many commits; each different file is read and parsed once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._parsed: dict[str, Platform] = {}
        self._ids: dict[str, str] = {}

    def at(self, commit: str) -> Platform:
        if commit not in self._ids:
            (blob,) = self._repository.blob_ids([commit], FILE)
            if blob is None:
                raise VerificationError(
                    f"commit {commit[:12]} has no {FILE}, so it cannot be followed", hint=TAKE_OUT
                )
            self._ids[commit] = blob
        blob = self._ids[commit]
        if blob not in self._parsed:
            # A file that is too large is read as one that is refused with that reason.
            (content,) = self._repository.deployment_files([blob])
            refuse_unreadable(content or b"", FILE)
            self._parsed[blob] = parse_platform(content or b"")
        return self._parsed[blob]

    def prepare(self, commits: Sequence[str]) -> None:
        """Look up the files of many commits in one call of git."""
        for commit, blob in zip(commits, self._repository.blob_ids(commits, FILE), strict=True):
            if blob is not None:
                self._ids[commit] = blob


def check_commit(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    platforms: PlatformHistory,
    placed: Mapping[str, Files],
) -> None:
    """Raise `VerificationError` if the signer may not make this commit."""
    platform = platforms.at(parent)
    after = platforms.at(commit.id)  # refuses a commit whose platform file cannot be read
    shows = demonstration_refusal(platform.statements, after.statements)
    if shows:
        raise VerificationError(
            f"commit {commit.id[:12]} {shows}",
            hint=f"set up another platform with goldenpath init --demonstration; {TAKE_OUT}",
        )
    check_trust(repository, commit, signer, platform)
    if signer in {machine.name for machine in platform.commit_keys}:
        refused = _machine_refusal(commit, parent, platform, placed)
        if refused:
            raise VerificationError(
                f"commit {commit.id[:12]} by the machine {signer} {refused}",
                hint=f"a machine takes a later step of a plan, or goes back; {TAKE_OUT}",
            )


def files_around(repository: Repository, commits: Sequence[Commit]) -> dict[str, Files]:
    """Return the files of every deployment that the commits touch, before and after each.

    The key is `commit:folder`.
    """
    names = [
        f"{each}:{folder}"
        for commit in commits
        for folder in _folders(commit.paths)
        for each in (*commit.parents, commit.id)
    ]
    found = zip(names, repository.folders(names), strict=True)
    return {name: Files.of(name.partition(":")[2], files) for name, files in found}


def _folders(paths: Sequence[str]) -> list[str]:
    """Return the folders of the deployments whose files are among the paths."""
    placed = filter(DEPLOYMENT_PATH.fullmatch, paths)
    return sorted({path.rpartition("/")[0] for path in placed})


def check_restrictions(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    platform: Platform,
    placed: Mapping[str, Files],
) -> None:
    """Raise `VerificationError` for a commit that violates a hold, a freeze or break-glass."""
    for folder in _folders(commit.paths):
        _, name, model = folder.split("/")
        stage = platform.stage(name)
        if stage is None:
            continue
        before, after = (placed[f"{each}:{folder}"] for each in (parent, commit.id))

        def was_stable(digest: Digest, folder: str = folder) -> bool:
            return digest in stable_before(repository, parent, folder, platform)

        step = Step(
            before, after, stage, model, signer, commit.time, was_stable, commit.trailer(CHANGE)
        )
        refused = refusal(step, platform)
        if refused:
            raise VerificationError(f"commit {commit.id[:12]} by {signer} {refused}", hint=TAKE_OUT)


def stable_before(
    repository: Repository, commit: str, folder: str, platform: Platform
) -> Iterator[Digest]:
    """Yield the stable releases of a deployment up to `commit`, newest first."""
    history = repository.history(folder, to=commit)
    while commits := list(islice(history, _AT_ONCE)):
        for contents in repository.folders([f"{each.id}:{folder}" for each in commits]):
            with suppress(InvalidInput):
                for deployment in parse_deployments(Files.of(folder, contents).applied, platform):
                    yield deployment.slots[0].digest


def check_rights(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    platform: Platform,
    placed: Mapping[str, Files],
) -> None:
    """Raise `VerificationError` for a commit beyond what its one signer may do."""
    (person,) = (each for each in platform.committers if each.name == signer)
    for path in commit.paths:
        model = path.split("/")[2] if path.startswith("envs/") and path.count("/") > 1 else ""
        refused = (
            limit_refusal(person, platform.role_limits, model) if path.startswith("envs/") else ""
        )
        if refused:
            raise VerificationError(
                f"commit {commit.id[:12]} changes {path}, but {signer} {refused}",
                hint="somebody whose models in platform.toml include it has to make the change",
            )
    check_alone(repository, commit, parent, signer, before=platform, placed=placed)


def check_merge(repository: Repository, commit: Commit) -> None:
    """Raise `VerificationError` for a merge that takes back what one of its sides did in a stage.

    The other rules ask whether a step is allowed. To end a hold or to go back is allowed, and in a
    merge nobody would see that it happened: its history has both sides. So what one side changed
    since both parted has to stay as it is there.
    """
    if len(commit.parents) < 2:
        return
    if len(commit.parents) > 2:
        raise VerificationError(
            f"merge {commit.id[:12]} has {len(commit.parents)} sides, expected two", hint=TAKE_OUT
        )
    bases = repository.merge_bases(*commit.parents)
    for parent in commit.parents:
        gone = _placed(repository.differing(parent, commit.id))
        if gone and bases:
            gone &= {each for base in bases for each in _placed(repository.differing(base, parent))}
        if gone:
            raise VerificationError(
                f"merge {commit.id[:12]} takes back what {parent[:12]} did in {min(gone)}",
                hint="bring the branch up to date by a rebase, and fast-forward main to it",
            )


def _placed(paths: Sequence[str]) -> set[str]:
    """Return the deployments among the paths, and everything else in the stages by itself."""
    return {"/".join(each.split("/")[:3]) for each in paths if each.startswith("envs/")}


def _machine_refusal(
    commit: Commit, parent: str, platform: Platform, placed: Mapping[str, Files]
) -> str:
    """Return what the commit does that a machine may not do; empty if nothing."""
    if len(commit.parents) > 1:
        return "is a merge"
    folders = _folders(commit.paths)
    for path in commit.paths:
        if DEPLOYMENT_PATH.fullmatch(path) is None:
            return f"changes {path}"
    for folder in folders:
        _, name, model = folder.split("/")
        stage = platform.stage(name)
        if stage is None:
            return f"changes {folder}, which is in no stage"
        before, after = (placed[f"{each}:{folder}"] for each in (parent, commit.id))
        refused = machine_refusal(FileStep(before, after, stage, model, platform))
        if refused:
            return refused
    return ""
