"""A policy as a server gets it, with the times of the follower that starts it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.processes.launch import ReleaseTrust
from goldenpath.release.attest.attach import sign_image
from goldenpath.release.attest.keys import key_from_pem
from goldenpath.release.attest.launch_trust import policy_of, seen_of, trust_of
from goldenpath.release.attest.policy import Policy
from goldenpath.release.attest.statement import SIGNED
from goldenpath.release.attest.verify import verify
from tests.release.attest.releases import NOW, REPOSITORY, Bench, bench

DAY = timedelta(days=1)
Seen = Mapping[Digest, datetime] | None


@pytest.fixture
def signed() -> Bench:
    made = bench()
    sign_image(made.store, made.image, REPOSITORY, made.signer, now=NOW - 3 * DAY)
    return made


def policy(made: Bench) -> Policy:
    """The key has ended since it signed, by its own date."""
    key = key_from_pem("build", made.signer_pem)
    return Policy((replace(key, valid_until=NOW - DAY),), (SIGNED,))


def through_a_launch(trust: ReleaseTrust) -> ReleaseTrust:
    return msgspec.json.decode(msgspec.json.encode(trust), type=ReleaseTrust)


@pytest.mark.parametrize(
    ("times", "holds"),
    [
        (lambda _: None, True),
        (lambda _: {}, False),
        (lambda each: {each: NOW}, False),
        (lambda each: {each: NOW - 2 * DAY}, True),
    ],
    ids=["nobody keeps times", "nobody saw it", "seen after the end", "seen before the end"],
)
def test_a_server_gets_the_times_of_the_follower(
    signed: Bench, times: Callable[[Digest], Seen], holds: bool
) -> None:
    (statement,) = signed.store.referrers(signed.image.digest)
    trust = through_a_launch(trust_of(policy(signed), times(statement.digest)))

    verified = verify(
        signed.store, signed.image.digest, policy_of(trust), now=NOW, seen=seen_of(trust)
    )

    assert policy_of(trust) == policy(signed)
    assert verified.holds is holds


@pytest.mark.parametrize(
    "seen", [{"sha256:x": NOW.isoformat()}, {Digest.of(b"").text: "now"}], ids=["digest", "time"]
)
def test_times_that_cannot_be_read_are_refused(seen: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        seen_of(ReleaseTrust((), (), seen=seen))
