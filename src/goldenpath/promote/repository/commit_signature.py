"""Verifies who signed a commit: a signature over the object's bytes by a listed key."""

from collections.abc import Sequence
from datetime import UTC, datetime

from goldenpath.errors import VerificationError
from goldenpath.promote.repository.commit import parse_commit, split_signature
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures import sshsig
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key


def verify_commit(
    commit: str, content: bytes, people: Sequence[Person], moment: datetime | None = None
) -> str:
    """Return the name of the one of `people` who signed the commit object `content`.

    `moment` is the time by which their key is judged; the commit's own date, if it is not given.
    Raises `VerificationError` if nobody of them did, or the bytes were changed afterwards.
    """
    signer = signing_key(commit, content)
    time = moment or parse_commit(commit, content).time
    return owner_of_key(signer, people, time, f"commit {commit[:12]}")


def signing_key(commit: str, content: bytes) -> str:
    """Return the public key line whose signature the commit object `content` holds."""
    armored, signed = split_signature(commit, content)
    try:
        return sshsig.verify(armored, signed, "git")
    except VerificationError as error:
        raise VerificationError(
            f"commit {commit[:12]} was changed after it was signed: {error.message}"
        ) from error


def owner_of_key(signer: str, people: Sequence[Person], time: datetime, what: str) -> str:
    """Return the name of the one of `people` whose key `signer` was valid at `time`.

    `what` names the signed thing, for the message. Raises `VerificationError`.
    """
    outside = ""
    for person in people:
        if not is_same_key(person.ssh_key, signer):
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


def key_holder(signer: str, people: Sequence[Person], commit: str) -> str:
    """Return whose key `signer` is, at whatever time. Raises `VerificationError` if nobody's."""
    holder = next((each for each in people if is_same_key(each.ssh_key, signer)), None)
    if holder is None:
        return owner_of_key(signer, (), datetime.min.replace(tzinfo=UTC), f"commit {commit[:12]}")
    return holder.name
