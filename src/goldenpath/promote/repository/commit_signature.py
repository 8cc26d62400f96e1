"""Verifies who signed a commit: a signature over the object's bytes by a listed key."""

from collections.abc import Sequence
from datetime import datetime

from goldenpath.errors import VerificationError
from goldenpath.promote.repository.commit import parse_commit, split_signature
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures import sshsig


def verify_commit(commit: str, content: bytes, people: Sequence[Person]) -> str:
    """Return the name of the one of `people` who signed the commit object `content`.

    Raises `VerificationError` if nobody of them did, or the bytes were changed afterwards.
    """
    armored, signed = split_signature(commit, content)
    try:
        signer = sshsig.verify(armored, signed, "git")
    except VerificationError as error:
        raise VerificationError(
            f"commit {commit[:12]} was changed after it was signed: {error.message}"
        ) from error
    time = parse_commit(commit, content).time
    return owner_of_key(signer, people, time, f"commit {commit[:12]}")


def owner_of_key(signer: str, people: Sequence[Person], time: datetime, what: str) -> str:
    """Return the name of the one of `people` whose key `signer` was valid at `time`.

    `what` names the signed thing, for the message. Raises `VerificationError`.
    """
    outside = ""
    for person in people:
        if person.ssh_key.split()[:2] != signer.split()[:2]:
            continue
        if person.valid_from is not None and time < person.valid_from:
            outside = f"before the key of {person.name} was valid"
        elif person.valid_until is not None and time >= person.valid_until:
            outside = f"after the key of {person.name} had expired"
        else:
            return person.name
    raise VerificationError(
        f"{what} was made at {time.isoformat()}, {outside}"
        if outside
        else f"{what} is signed by a key that platform.toml does not list",
        hint="goldenpath person list shows whose commits are valid",
    )
