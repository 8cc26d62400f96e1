"""The ledger of looks: how often data were read by evaluations that somebody signed.

What nobody signed, such as a training on somebody's own machine, is not known.
"""

from goldenpath.audit.registers.known_releases import known_releases
from goldenpath.audit.registers.signed_records import SignedRecords
from goldenpath.home import Home
from goldenpath.promote.gates.test_sets.data_looks import LookLedger, looks_at_data

BEYOND = (
    "evaluations that nobody signed: a project that was trained without goldenpath build",
    "the same rows in a file with another digest",
)


def gather_looks(records: SignedRecords, home: Home) -> LookLedger:
    """Return the ledger of every release that the platform knows."""
    known = known_releases(records, records.history(), home)
    unknown = [*BEYOND, *known.unknown]
    data = looks_at_data(known.digests, records.statements, unknown)
    return LookLedger(records.moment, data, tuple(unknown))
