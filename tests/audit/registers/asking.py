"""The records of a road as the registers read them, and a road that is worth a register."""

from datetime import datetime

from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.digest import Digest
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.repository.first_seen import FirstSeen
from goldenpath.release.attest.policy import Verified
from goldenpath.release.attest.verify import verify
from tests.promote.road import Road

PROJECT = b'version = 1\nname = "credit-default"\ntier = "low"\n'


def records_of(road: Road, moment: datetime) -> SignedRecords:
    """The records up to a moment, as `compose.signed_records` gives them."""
    trusted = road.trusted()
    policy, people = release_policy(trusted.platform), trusted.platform.people

    def statements(digest: Digest) -> Verified:
        return verify(road.store, digest, policy, people=people, now=moment)

    sighting = FirstSeen.beside(road.home.trust).sighting
    return SignedRecords(road.repository, trusted, lambda: road.store, statements, sighting, moment)
