"""Two people for what one may not change: the commit holds a second signature over its new files.

Without it one listed person could list a second key of their own, or lower the demands of a stage,
and then promote alone. Set-up is exempt, since a platform begins with one person. It is over with
`two-people = true` in `platform.toml`, or once a release has entered the last stage.

With `two-people = true` the platform is sealed: then one person alone changes deployments only as
`commit_rights` lists, and no other file that a cluster, git or CI obeys.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.promote.manifests.commit_rights import FileStep, lone_refusal
from goldenpath.promote.manifests.deployment_path import DEPLOYMENT_PATH
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.platform.second_person import (
    FOLDERS,
    is_followed,
    is_protected,
    why_not_both,
)
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import APPROVAL_SIGNATURE, APPROVED_BY
from goldenpath.promote.repository.commit_signature import owner_of_key
from goldenpath.promote.repository.git_objects import IRREGULAR
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures import sshsig
from goldenpath.release.attest.signatures.sshsig import SshKey

NAMESPACE = "goldenpath-trust"


def set_up_is_over(repository: Repository, commit: str, platform: Platform) -> bool:
    """Whether a change on `commit` needs two people."""
    last = platform.stages[-1].name
    # Whatever ever touched the last stage ends set-up, a removal too: it cannot be begun again.
    return platform.two_people or bool(repository.last_change(commit, f"envs/{last}"))


def base_of(repository: Repository, commit: str, paths: Iterable[str] = ()) -> str:
    """Return the last change of trust up to `commit`, or of one of the other `paths`.

    Signatures name it, so that none is valid for a second change.
    """
    # A change of trust makes every older proposal void, also one about another file.
    others = sorted(path for path in paths if not is_protected(path))
    return repository.last_change(commit, FILE, *FOLDERS, *others)


def sign_change(base: str, files: Mapping[str, bytes | None], name: str, key: SshKey) -> str:
    """Return both trailers of a person who agrees to change the files of `base` to these."""
    armored = key.sign(_statement(base, files), NAMESPACE)
    packed = base64.b64encode(armored.encode()).decode()
    return f"{APPROVED_BY}: {name}\n{APPROVAL_SIGNATURE}: {packed}\n"


def agreed(
    commit: Commit, base: str, files: Mapping[str, bytes | None], people: Sequence[Person]
) -> str:
    """Return who else signed the files of the commit. Raises `VerificationError` if nobody did."""
    packed = commit.trailer(APPROVAL_SIGNATURE)
    if not packed:
        raise VerificationError(
            f"commit {commit.id[:12]} changes trust, and only one person signed it",
            hint="make the change with goldenpath, which asks a second person to confirm",
        )
    try:
        armored = base64.b64decode(packed, validate=True).decode("ascii")
        signer = sshsig.verify(armored, _statement(base, files), NAMESPACE)
    except (binascii.Error, UnicodeDecodeError, VerificationError) as error:
        raise VerificationError(
            f"commit {commit.id[:12]} has an approval of another change of trust"
        ) from error
    return owner_of_key(signer, people, commit.time, f"the approval in commit {commit.id[:12]}")


def check_trust(repository: Repository, commit: Commit, signer: str, before: Platform) -> None:
    """Raise `VerificationError` if the commit changes trust without two suitable people."""
    touched = tuple(filter(is_protected, commit.paths))
    if len(commit.parents) > 1:
        _check_merge(repository, commit, before)
        return
    if not touched:
        return
    (parent,) = commit.parents
    if set_up_is_over(repository, parent, before):
        _require_two(repository, commit, signer, before, paths=touched)


def check_alone(
    repository: Repository,
    commit: Commit,
    parent: str,
    signer: str,
    *,
    before: Platform,
    placed: Mapping[str, Files],
) -> None:
    """Raise `VerificationError` if one person changes what needs two on a sealed platform.

    `placed` has the files of each deployment that the commit touches, by `commit:folder`. Changes
    of trust are checked by `check_trust`.
    """
    people = {person.name for person in before.people}
    # The machine has rules of its own; see `check_rights`.
    if not before.two_people or signer not in people:
        return
    is_merge = len(commit.parents) > 1
    # `commit.paths` compares with every parent, and this is about one of them.
    paths = repository.differing(parent, commit.id) if is_merge else commit.paths
    refused = next(_lone_refusals(repository, commit, parent, paths, before=before, placed=placed),
                   "")  # fmt: skip
    if not refused:
        return
    # Two signatures on a merge would not say for which of its sides they are.
    if is_merge:
        raise VerificationError(
            f"merge {commit.id[:12]} {refused}, compared with {parent[:12]}",
            hint="bring the branch up to date by a rebase, and fast-forward main to it",
        )
    if not commit.trailer(APPROVAL_SIGNATURE):
        raise VerificationError(
            f"commit {commit.id[:12]} by {signer} alone {refused}, which needs two people",
            hint="goldenpath platform write asks a second person to confirm such a change",
        )
    _require_two(repository, commit, signer, before, paths=commit.paths)


def _lone_refusals(
    repository: Repository,
    commit: Commit,
    parent: str,
    paths: Sequence[str],
    *,
    before: Platform,
    placed: Mapping[str, Files],
) -> Iterator[str]:
    """Yield what the commit changes that needs two people, besides trust."""
    folders: dict[str, None] = {}
    for path in filter(lambda each: not is_protected(each), paths):
        match = DEPLOYMENT_PATH.fullmatch(path)
        if match is None or before.stage(match["stage"]) is None:
            if is_followed(path):
                yield f"changes {path!r}"
        else:
            folders[path.rpartition("/")[0]] = None
    for folder in folders:
        _, stage_name, model = folder.split("/")
        stage = before.stage(stage_name)
        if stage is None:
            continue
        old, new = (_files(repository, each, folder, placed) for each in (parent, commit.id))
        refused = lone_refusal(FileStep(old, new, stage, model, before))
        if refused:
            yield refused


def _files(repository: Repository, commit: str, folder: str, placed: Mapping[str, Files]) -> Files:
    """Return the files of a deployment in a commit, from `placed` if it has them."""
    name = f"{commit}:{folder}"
    if name in placed:
        return placed[name]
    (contents,) = repository.folders([name])
    return Files.of(folder, contents)


def agreement(
    repository: Repository, commit: Commit, before: Platform, paths: Iterable[str] | None = None
) -> str:
    """Return who else agreed to the commit's change of `paths`, or of trust if none are given.

    Raises `VerificationError`.
    """
    parent = commit.parents[0]
    touched = sorted(filter(is_protected, commit.paths) if paths is None else paths)
    contents = repository.blobs([f"{commit.id}:{path}" for path in touched])
    files = dict(zip(touched, contents, strict=True))
    # A signature covers contents. A link or a submodule with the same text is something else.
    for path in sorted({*touched} & {*commit.strange}):
        folder, _, _ = path.rpartition("/")
        if repository.entries(commit.id, folder).get(path, "").startswith(IRREGULAR):
            raise VerificationError(
                f"commit {commit.id[:12]} makes {path} a link or a submodule, expected a file",
                hint="commit the file itself",
            )
    return agreed(commit, base_of(repository, parent, touched), files, before.people)


def _require_two(
    repository: Repository, commit: Commit, signer: str, before: Platform, *, paths: Sequence[str]
) -> None:
    """Raise `VerificationError` unless two suitable people signed the change of these paths."""
    second = agreement(repository, commit, before, paths)
    roles = {person.name: set(person.roles) for person in before.people}
    refused = why_not_both(before, (signer, second), roles)
    if refused:
        raise VerificationError(f"commit {commit.id[:12]} changes trust {refused}")


def _check_merge(repository: Repository, commit: Commit, before: Platform) -> None:
    """Raise `VerificationError` for a merge that changes trust against one of its parents.

    A merge could bring back old trust, or a change that a branch made during set-up.
    """
    # One parent suffices: a branch of before set-up must not win against `main`.
    if not any(set_up_is_over(repository, parent, before) for parent in commit.parents):
        return
    for parent in commit.parents:
        changed = [path for path in repository.differing(parent, commit.id) if is_protected(path)]
        if changed:
            raise VerificationError(
                f"merge {commit.id[:12]} changes {changed[0]} against {parent[:12]}",
                hint="bring the branch up to date by a rebase, and fast-forward main to it",
            )


def _statement(base: str, files: Mapping[str, bytes | None]) -> bytes:
    digests: dict[str, JsonValue] = {
        path: None if content is None else Digest.of(content).text
        for path, content in files.items()
    }
    # None stays in it: that a file is removed has to be signed as well.
    return canonical_json({"version": 1, "base": base, "files": digests})
