"""Erases one person and certifies it."""

from dataclasses import dataclass
from pathlib import Path

from goldenpath.audit.proofs.erasure_certificate import erasure_certificate
from goldenpath.compose.process_context import now, write_whole
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.home import Home
from goldenpath.observe.log.retention import erase_subject
from goldenpath.release.attest.keys import PemSigner
from goldenpath.times import timestamp


@dataclass(frozen=True, slots=True)
class ErasedSubject:
    """An erasure that is done, and its certificate."""

    reference: str
    """The pseudonym, which leads to nobody any more."""
    file: Path
    digest: str


def erased(home: Home, subject: str, *, by: str, reason: str) -> ErasedSubject:
    """Destroy the key of a person and write the certificate. Raises `NotFound` without a key."""
    # Loaded first: an erasure that could not be certified is not begun.
    signer, moment = PemSigner.load(home.log_key), now()
    reference = erase_subject(home, subject)
    if reference is None:
        raise NotFound("the log holds no key of that subject")
    content = erasure_certificate(
        home,
        subject,
        reference,
        signer,
        facts={"by": by, "reason": reason, "erasedAt": timestamp(moment)},
        now=moment,
    )
    file = home.erasures / f"{reference[:32]}.json"
    write_whole(file, content)
    return ErasedSubject(reference, file, Digest.of(content).text)
