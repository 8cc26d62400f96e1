"""A policy as the launch record of a server carries it, and back again."""

from collections.abc import Mapping
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.processes.launch import ReleaseTrust, TrustedPem
from goldenpath.release.attest.keys import key_from_pem
from goldenpath.release.attest.policy import NO_JOB, JobIdentity, Policy, TrustedKey
from goldenpath.release.attest.signatures.p256 import to_pem


def trust_of(policy: Policy, seen: Mapping[Digest, datetime] | None = None) -> ReleaseTrust:
    """Return the policy in the form that a server gets; `seen` is as in `Demand`."""
    times = None if seen is None else {each.text: at.isoformat() for each, at in seen.items()}
    return ReleaseTrust(
        tuple(_pem(key) for key in policy.keys),
        policy.required,
        policy.repository or "",
        policy.builder or "",
        policy.threshold,
        () if policy.job == NO_JOB else tuple(text for _, text in policy.job.named()),
        times,
    )


def policy_of(trust: ReleaseTrust) -> Policy:
    """Return the policy that a server requires of its release. Raises `InvalidInput`."""
    return Policy(
        keys=tuple(_key(pem) for pem in trust.keys),
        required=trust.required,
        threshold=trust.threshold,
        repository=trust.repository or None,
        builder=trust.builder or None,
        job=JobIdentity(*trust.job),
    )


def seen_of(trust: ReleaseTrust) -> Mapping[Digest, datetime] | None:
    """Return when a follower saw statements, as `Demand.seen` has it. Raises `InvalidInput`."""
    if trust.seen is None:
        return None
    times = {Digest(text): _time(at, text) for text, at in trust.seen.items()}
    return {digest: time for digest, time in times.items() if time is not None}


def _pem(key: TrustedKey) -> TrustedPem:
    def text(time: datetime | None) -> str:
        return time.isoformat() if time is not None else ""

    times = (text(key.valid_from), text(key.valid_until), text(key.revoked_at))
    return TrustedPem(key.name, to_pem(key.public_key), *times)


def _key(pem: TrustedPem) -> TrustedKey:
    key = key_from_pem(pem.name, pem.pem.encode("ascii"))
    return TrustedKey(
        key.name,
        key.public_key,
        _time(pem.valid_from, pem.name),
        _time(pem.valid_until, pem.name),
        _time(pem.revoked_at, pem.name),
    )


def _time(text: str, key: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"key {key} has a time that is not RFC 3339: {text!r}") from error
    if time.tzinfo is None:
        raise InvalidInput(f"key {key} has a time without an offset: {text!r}")
    return time
