"""Two people for every change of trust: the commit holds a second signature over its new files.

Without it one listed person could list a second key of their own, or lower the demands of a stage,
and then promote alone. Set-up is exempt, since a platform begins with one person. It is over with
`two-people = true` in `platform.toml`, or once a release has entered the last stage.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace

from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import VerificationError
from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.platform.second_person import FOLDERS, is_protected, why_not_both
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.commit_message import APPROVAL_SIGNATURE, APPROVED_BY
from goldenpath.promote.repository.commit_signature import owner_of_key
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures import sshsig
from goldenpath.release.attest.signatures.sshsig import SshKey

NAMESPACE = "goldenpath-trust"


def set_up_is_over(repository: Repository, commit: str, platform: Platform) -> bool:
    """Whether a change on `commit` needs two people."""
    last = platform.stages[-1].name
    return platform.two_people or bool(repository.last_change(commit, f"envs/{last}"))


def base_of(repository: Repository, commit: str) -> str:
    """Return the last change of trust up to `commit`.

    Signatures name it, so that none is valid for a second change.
    """
    return repository.last_change(commit, FILE, *FOLDERS)


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


def check_trust(
    repository: Repository, commit: Commit, signer: str, before: Platform, *, after: Platform
) -> None:
    """Raise `VerificationError` if the commit changes trust without two suitable people."""
    touched = tuple(filter(is_protected, commit.paths))
    if len(commit.parents) > 1:
        _check_merge(repository, commit, before)
        return
    if not touched or _is_harmless(touched, before, after):
        return
    (parent,) = commit.parents
    if not set_up_is_over(repository, parent, before):
        return
    second = agreement(repository, commit, before)
    roles = {person.name: set(person.roles) for person in before.people}
    refused = why_not_both(before, (signer, second), roles)
    if refused:
        raise VerificationError(f"commit {commit.id[:12]} changes trust {refused}")


def agreement(repository: Repository, commit: Commit, before: Platform) -> str:
    """Return who else agreed to the commit's change of trust. Raises `VerificationError`."""
    parent = commit.parents[0]
    touched = sorted(filter(is_protected, commit.paths))
    contents = repository.blobs([f"{commit.id}:{path}" for path in touched])
    files = dict(zip(touched, contents, strict=True))
    return agreed(commit, base_of(repository, parent), files, before.people)


def _check_merge(repository: Repository, commit: Commit, before: Platform) -> None:
    """Raise `VerificationError` for a merge that changes trust against one of its parents.

    A merge could bring back old trust, or a change that a branch made during set-up.
    """
    if not any(set_up_is_over(repository, parent, before) for parent in commit.parents):
        return
    for parent in commit.parents:
        changed = [path for path in repository.differing(parent, commit.id) if is_protected(path)]
        if changed:
            raise VerificationError(
                f"merge {commit.id[:12]} changes {changed[0]} against {parent[:12]}",
                hint="bring the branch up to date by a rebase, and fast-forward main to it",
            )


def _is_harmless(touched: Sequence[str], before: Platform, after: Platform) -> bool:
    """Whether only the gateway's listening address changed, which is no change of trust."""
    return set(touched) == {FILE} and replace(after, gateway=before.gateway) == before


def _statement(base: str, files: Mapping[str, bytes | None]) -> bytes:
    digests: dict[str, JsonValue] = {
        path: None if content is None else Digest.of(content).text
        for path, content in files.items()
    }
    return canonical_json({"version": 1, "base": base, "files": digests})
