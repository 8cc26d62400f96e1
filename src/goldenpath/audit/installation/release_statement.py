"""The signed statement about a release of goldenpath: the digest of every file of its wheel.

Whoever changes an installed file can also rewrite its RECORD. They cannot rewrite this statement:
the publisher signed it with a key that users get separately from the program.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, VerificationError
from goldenpath.release.attest.bundle import Bundle, key_hint
from goldenpath.release.attest.policy import TrustedKey
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import OURS, PAYLOAD_TYPE, Statement, member

PYTHON_RELEASE = OURS + "python-release/v1"
MAX_STATEMENT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReleasedFiles:
    """The wheel of a release, and the files in it."""

    version: str
    commit: str
    wheel: Digest
    files: Mapping[str, Digest]
    """Every file of the wheel except its RECORD, by its path from `site-packages`."""


def release_statement(released: ReleasedFiles, others: Mapping[str, Digest]) -> Statement:
    """Return the statement about a wheel. `others` are the files published with it."""
    files: dict[str, JsonValue] = {path: each.hex for path, each in sorted(released.files.items())}
    beside: dict[str, JsonValue] = {name: each.hex for name, each in sorted(others.items())}
    predicate: dict[str, JsonValue] = {
        "name": "goldenpath",
        "version": released.version,
        "commit": released.commit,
        "files": files,
        "beside": beside,
    }
    return Statement((released.wheel, *others.values()), PYTHON_RELEASE, predicate)


def verify_release(content: bytes, key: TrustedKey) -> ReleasedFiles:
    """Return the release that `key` signed.

    Raises `VerificationError` if no signature was made with that key. Raises `InvalidInput` if
    the statement is about something else.
    """
    bundle = Bundle.parse(content)
    envelope = bundle.envelope
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InvalidInput(f"the statement holds {envelope.payload_type}: expected {PAYLOAD_TYPE}")
    if not any(is_signed(key.public_key, envelope.signed, s.value) for s in envelope.signatures):
        raise VerificationError(
            f"the statement is not signed by the key {key.name} ({key_hint(key.public_key)})",
            hint="download statement and key again, each from the place that the publisher names",
        )
    statement = Statement.parse(envelope.payload)
    if statement.predicate_type != PYTHON_RELEASE:
        raise InvalidInput(
            f"the statement has the type {statement.predicate_type}: expected {PYTHON_RELEASE}"
        )
    predicate = dict(statement.predicate)
    version, commit = predicate.get("version"), predicate.get("commit")
    if predicate.get("name") != "goldenpath" or not isinstance(version, str):
        raise InvalidInput("the statement is not about goldenpath")
    return ReleasedFiles(
        version, str(commit), statement.subjects[0], _files(member(predicate, "files"))
    )


def _files(value: JsonValue) -> Mapping[str, Digest]:
    if not isinstance(value, dict) or not value:
        raise InvalidInput("the statement lists no file of the wheel")
    return {path: Digest(f"sha256:{digest}") for path, digest in value.items()}
