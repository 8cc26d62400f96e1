"""The certificate of an erasure: signed by the key of the log, without the name of the person.

The key of the person is gone, and nothing else changed: every segment with their records is
verified again after that.
"""

from collections.abc import Mapping
from datetime import datetime

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.keeping.held_records import records_of
from goldenpath.observe.log.log_reader import verified
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.release.attest.bundle import sign_statement
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.statement import OURS, Statement

ERASURE = OURS + "erasure/v1"


def erasure_certificate(
    home: Home, subject: str, reference: str, signer: PemSigner, *, facts: Mapping[str, JsonValue],
    now: datetime,
) -> bytes:  # fmt: skip
    """Return the signed certificate after an erasure, as a Sigstore bundle.

    `facts` are who erased it and why. The statement is about the pseudonym. A segment with their
    records that does not verify is named. Raises `VerificationError` if a key of the person is
    still there.
    """
    subjects = Subjects.existing(home.keys)
    try:
        if subjects.reference(subject) is not None:
            raise VerificationError("the key of that subject is there again: it was not erased")
    finally:
        subjects.close()
    records, segments, damaged = 0, list[JsonValue](), list[JsonValue]()
    for segment, table in records_of(home, reference):
        records += table.num_rows
        try:
            segments.append(verified(segment, signer.public_key()).content)
        except GoldenPathError as error:  # the erasure is done: the certificate names the damage
            damaged.append(error.message)
    predicate: dict[str, JsonValue] = {
        "version": 1,
        "subject_ref": reference,
        "records": records,
        "segments": segments,
        "damaged": damaged,
        "notCovered": "copies of keys/subjects.db outside of this home, such as backups",
        **facts,
    }
    statement = Statement((Digest.of(reference.encode()),), ERASURE, predicate, now)
    return sign_statement(statement, signer).render()
