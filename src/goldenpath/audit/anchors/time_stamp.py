"""Time stamps of an authority (RFC 3161): the request, and the check of its answer.

A stamp shows that a record existed at a time that neither the machine nor its witness chose. It
counts only if the pinned certificate of the authority signed it, over the very bytes.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.parsers.der import (
    NULL,
    OBJECT,
    OCTETS,
    SEQUENCE,
    SET,
    TIME,
    DerValue,
    member_of,
    parse_der,
    render_der,
    render_integer,
)

QUERY_TYPE, REPLY_TYPE = "application/timestamp-query", "application/timestamp-reply"
_SHA256 = bytes.fromhex("608648016503040201")
_HASHES: Mapping[bytes, type[hashes.HashAlgorithm]] = MappingProxyType(
    {
        _SHA256: hashes.SHA256,
        bytes.fromhex("608648016503040202"): hashes.SHA384,
        bytes.fromhex("608648016503040203"): hashes.SHA512,
    }
)
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TIME_INFO = bytes.fromhex("2a864886f70d0109100104")
"""id-ct-TSTInfo."""
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_ATTRIBUTES = 0xA0
_GRANTED = (b"\x00", b"\x01")


@dataclass(frozen=True, slots=True)
class StampRequest:
    """A question to an authority."""

    encoded: bytes
    nonce: int
    """Stands in the answer again, so that nobody can answer with an older stamp."""


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A stamp whose signature was checked."""

    time: datetime
    authority: str
    """The subject of the authority's certificate."""


def stamp_request(content: bytes, nonce: int | None = None) -> StampRequest:
    """Return the request for a stamp of these bytes."""
    number = secrets.randbits(63) if nonce is None else nonce
    algorithm = render_der(SEQUENCE, render_der(OBJECT, _SHA256), render_der(NULL))
    imprint = render_der(SEQUENCE, algorithm, render_der(OCTETS, hashlib.sha256(content).digest()))
    wants_certificate = b"\x01\x01\xff"
    encoded = render_der(
        SEQUENCE, render_integer(1), imprint, render_integer(number), wants_certificate
    )
    return StampRequest(encoded, number)


def check_stamp(
    reply: bytes, content: bytes, certificates: bytes, nonce: int | None = None
) -> TimeStamp:
    """Return the stamp of these bytes in the answer of an authority.

    `certificates` is a PEM file: its first certificate is that of the authority. Raises
    `VerificationError` if the answer is none, is about other bytes, or is not signed by that
    certificate, and `InvalidInput` if the certificate cannot be read.
    """
    pinned = pinned_certificate(certificates)
    try:
        information, signer = _parts(reply)
        fields = member_of(parse_der(information), 0, "the time stamp").children()
        _require_signed(signer, information, pinned)
        _require_about(fields, content, nonce)
        time = _time(fields)
    except InvalidInput as error:
        raise VerificationError(f"the time stamp cannot be read: {error.message}") from error
    if not pinned.not_valid_before_utc <= time <= pinned.not_valid_after_utc:
        raise VerificationError(
            f"the certificate of the time stamp was not valid at {time:%Y-%m-%dT%H:%M:%SZ}"
        )
    return TimeStamp(time, pinned.subject.rfc4514_string())


def pinned_certificate(certificates: bytes) -> x509.Certificate:
    """Return the first certificate of a PEM file. Raises `InvalidInput` if it may not stamp."""
    try:
        pinned = x509.load_pem_x509_certificates(certificates)[0]
        usage = pinned.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, IndexError, x509.ExtensionNotFound) as error:
        raise InvalidInput(f"no certificate of a time-stamping authority: {error}") from error
    if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        raise InvalidInput("the certificate is not one of a time-stamping authority")
    return pinned


def _parts(reply: bytes) -> tuple[bytes, list[DerValue]]:
    """Return the signed information of an answer, and the fields of its only signer."""
    answer = member_of(parse_der(reply), 0, "the answer").children()
    status = member_of(answer, 0, "the answer").child().content
    if status not in _GRANTED:
        raise VerificationError("the authority refused to stamp")
    token = member_of(answer, 1, "the answer").children()
    if member_of(token, 0, "the token").only(OBJECT) != _SIGNED_DATA:
        raise InvalidInput("it is no signed data")
    signed = member_of(token, 1, "the token").child().children()
    holder = member_of(signed, 2, "the signed data").children()
    if member_of(holder, 0, "the content").only(OBJECT) != _TIME_INFO:
        raise InvalidInput("it holds something else than a time")
    information = member_of(holder, 1, "the content").child().only(OCTETS)
    signers = signed[-1].children() if signed[-1].tag == SET else []
    if len(signers) != 1:
        raise InvalidInput(f"it has {len(signers)} signers: expected one")
    return information, signers[0].children()


def _require_signed(
    signer: Sequence[DerValue], information: bytes, pinned: x509.Certificate
) -> None:
    """Raise `VerificationError` unless the pinned certificate signed the information."""
    digest = _hash_of(member_of(signer, 2, "the signer"))
    attributes = member_of(signer, 3, "the signer")
    if attributes.tag != _ATTRIBUTES:
        raise InvalidInput("its signer has no signed attributes")
    values = {
        pair[0].only(OBJECT): pair[1].child()
        for pair in (each.children() for each in attributes.children())
        if len(pair) == 2 and pair[1].content
    }
    hashed = hashes.Hash(digest)
    hashed.update(information)
    is_about = values.get(_CONTENT_TYPE), values.get(_MESSAGE_DIGEST)
    if is_about[0] is None or is_about[1] is None:
        raise InvalidInput("its signer does not say what it signed")
    if is_about[0].only(OBJECT) != _TIME_INFO or is_about[1].only(OCTETS) != hashed.finalize():
        raise VerificationError("the time stamp was changed after it was signed")
    # The signature is over the attributes as a SET (RFC 5652, section 5.4).
    message = bytes([SET]) + attributes.encoded[1:]
    signature = member_of(signer, 5, "the signer").only(OCTETS)
    key = pinned.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, message, ec.ECDSA(digest))
        else:
            raise InvalidInput("the key of the certificate is of another kind than RSA and ECDSA")
    except InvalidSignature as error:
        raise VerificationError("the time stamp is not signed by the pinned certificate") from error


def _hash_of(algorithm: DerValue) -> hashes.HashAlgorithm:
    name = algorithm.child().only(OBJECT)
    if name not in _HASHES:
        raise InvalidInput("it is signed over a hash that does not count: expected SHA-2")
    return _HASHES[name]()


def _require_about(fields: Sequence[DerValue], content: bytes, nonce: int | None) -> None:
    """Raise `VerificationError` unless the stamp is about the bytes and answers the request."""
    imprint = member_of(fields, 2, "the time stamp").children()
    algorithm = member_of(imprint, 0, "the imprint").child().only(OBJECT)
    digest = member_of(imprint, 1, "the imprint").only(OCTETS)
    if algorithm != _SHA256 or digest != hashlib.sha256(content).digest():
        raise VerificationError("the time stamp is about other bytes")
    if nonce is None:
        return
    numbers = [int.from_bytes(each.content, "big") for each in fields[5:] if each.tag == 0x02]
    if nonce not in numbers:
        raise VerificationError("the time stamp answers another request")


def _time(fields: Sequence[DerValue]) -> datetime:
    """Return the time of a stamp (RFC 3161, section 2.4.2)."""
    text = member_of(fields, 4, "the time stamp").only(TIME).decode("ascii", "replace")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not text.endswith("Z") or not f"{whole}{fraction}".isdigit() or len(whole) != 14:
        raise InvalidInput(f"{text[:40]!r} is no time in UTC")
    try:
        moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is no time") from error
    return moment.replace(microsecond=int((fraction + "000000")[:6]))
