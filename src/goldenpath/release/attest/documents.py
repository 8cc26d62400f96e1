"""What a store returned about a digest, before any of it is verified.

Reading is lenient here on purpose. Every check is a named control of the verifier
(`goldenpath.release.attest.controls`), so that each check can be shown to matter.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from goldenpath.canonical import JsonValue, check_bounds
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.manifest import Manifest
from goldenpath.release.attest.dsse import pae
from goldenpath.release.attest.media_types import BUNDLE, SSH_STATEMENT
from goldenpath.release.attest.statement import (
    DECISION,
    PAYLOAD_TYPE,
    SIGNED_AT,
    Statement,
    cited,
    member,
    parse_time,
)

STATEMENTS = (BUNDLE, SSH_STATEMENT)
"""Artifact types of referrers that may hold a statement; the verifier ignores others."""


@dataclass(frozen=True, slots=True)
class Document:
    """One referrer as the store returned it."""

    listed: Descriptor
    """The descriptor in the store's list of referrers."""
    manifest: bytes
    layers: tuple[bytes, ...]
    fault: str = ""
    """What was wrong with its content; empty if every byte matched its descriptor."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Everything that the verifier looks at."""

    image: bytes
    """The manifest of the release itself."""
    referrers: tuple[Document, ...]
    unread: str = ""
    """Why not every referrer was read; empty if all were."""
    blobs: int | None = None
    """Number of blobs of the image that were read to the end; None if they were not read."""
    faults: tuple[str, ...] = ()
    """What was wrong with the blobs of the image."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A statement before verification, with everything that it claims about itself."""

    document: Document
    kind: Literal["machine", "person"]
    manifest: Manifest
    bundle_type: str
    """The media type in the bundle itself; empty for a person's statement."""
    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]
    """DER signatures of a bundle, or the armoured SSH signature of a person."""
    hint: str
    statement_type: str
    predicate_type: str
    subjects: tuple[str, ...]
    """The `sha256` of each subject as written, not checked to be hex."""
    predicate: Mapping[str, JsonValue]
    signed_at: datetime | None

    @property
    def signed(self) -> bytes:
        """The bytes that the signature has to cover."""
        return self.payload if self.kind == "person" else pae(self.payload_type, self.payload)

    def statement(self) -> Statement:
        """Return the statement; call this only after every control passed."""
        subjects = tuple(Digest("sha256:" + subject) for subject in self.subjects)
        return Statement(subjects, self.predicate_type, self.predicate, self.signed_at)


def read_candidate(document: Document) -> Candidate:
    """Read a referrer as a statement. Raises `InvalidInput` if it cannot be read as one."""
    manifest = Manifest.parse(document.manifest)
    if not document.layers:
        raise InvalidInput("the referrer has no content")
    if manifest.artifact_type == SSH_STATEMENT:
        read = _Signed("", PAYLOAD_TYPE, document.layers[0], document.layers[1:], "")
    else:
        read = _bundle(document.layers[0])
    value = _loads(read.payload, "statement")
    listed, predicate = member(value, "subject"), member(value, "predicate")
    subjects = listed if isinstance(listed, list) else []
    moment = member(subjects[0] if subjects else None, "annotations", SIGNED_AT)
    return Candidate(
        document=document,
        kind="person" if manifest.artifact_type == SSH_STATEMENT else "machine",
        manifest=manifest,
        bundle_type=read.bundle_type,
        payload_type=read.payload_type,
        payload=read.payload,
        signatures=read.signatures,
        hint=read.hint,
        statement_type=_text(member(value, "_type")),
        predicate_type=_text(member(value, "predicateType")),
        subjects=tuple(_text(member(subject, "digest", "sha256")) for subject in subjects),
        predicate=predicate if isinstance(predicate, dict) else {},
        signed_at=parse_time(moment) if isinstance(moment, str) else None,
    )


def cited_envelopes(document: Document) -> frozenset[Digest]:
    """Return the statements that a decision cites; none for everything else."""
    try:
        candidate = read_candidate(document)
    except InvalidInput:
        return frozenset()
    return cited(candidate.predicate) if candidate.predicate_type == DECISION else frozenset()


class _Signed(NamedTuple):
    bundle_type: str
    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]
    hint: str


def _bundle(content: bytes) -> _Signed:
    bundle = _loads(content, "bundle")
    envelope = member(bundle, "dsseEnvelope")
    listed = member(envelope, "signatures")
    return _Signed(
        _text(member(bundle, "mediaType")),
        _text(member(envelope, "payloadType")),
        _bytes(member(envelope, "payload")),
        tuple(_bytes(member(each, "sig")) for each in (listed if isinstance(listed, list) else [])),
        _text(member(bundle, "verificationMaterial", "publicKey", "hint")),
    )


def _loads(content: bytes, what: str) -> JsonValue:
    try:
        check_bounds(content, what)
        value: JsonValue = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON: {error}") from error
    return value


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _bytes(value: JsonValue) -> bytes:
    try:
        return base64.b64decode(_text(value))
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"envelope has a member that is not base64: {error}") from error
