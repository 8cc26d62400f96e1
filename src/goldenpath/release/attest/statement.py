"""In-toto statements: a predicate about one or more digests (in-toto attestation, statement v1)."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from goldenpath.canonical import JsonValue, canonical_json, parse_object
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

SIGNED = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
SBOM = "https://cyclonedx.org/bom"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
OURS = "https://goldenpath.example/attestation/"
"""Root of our own predicate types; nobody can register a name under `.example` (RFC 2606)."""
DATASET = OURS + "dataset/v1"
METRICS = OURS + "metrics/v1"
SCAN = OURS + "scan/v1"
APPROVAL = OURS + "approval/v1"
DECISION = OURS + "decision/v1"
WAIVER = OURS + "waiver/v1"
RENEWAL = OURS + "renewal/v1"
OBSERVED = OURS + "observed/v1"
CHECKPOINT = OURS + "log-checkpoint/v1"
EXPIRY = OURS + "log-expiry/v1"
ADMITTED = OURS + "admitted/v1/"
"""What a follower signs about a release in a stage. The name of the stage ends the type, since a
policy engine that finds several statements of one type reads the last one alone."""

EVIDENCE = (PROVENANCE, SBOM, DATASET, METRICS, TEST_RESULT)
"""Predicate types that every build signs about its release, besides the signature."""

KINDS = {
    "provenance": PROVENANCE,
    "sbom": SBOM,
    "dataset": DATASET,
    "metrics": METRICS,
    "test-result": TEST_RESULT,
    "scan": SCAN,
}
"""Predicate types by the short names that policies may use."""

BUILD_TYPE = "https://goldenpath.example/build/train/v1"

EXTERNAL_PARAMETERS = frozenset({"repository", "commit", "entry", "parameters", "seed"})
"""All external parameters of a build; the verifier refuses any other."""

BUILDER = "https://goldenpath.example/builder/local/v1"
"""`builder.id` of a build on a developer's own machine: SLSA build level 1."""

SIGNED_AT = "goldenpath.example/signed-at"
"""Annotation of the first subject: the signing time by the signer's clock. The signature covers it,
unlike the annotations of the manifest."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A predicate about one or more digests; the first subject is the image manifest."""

    subjects: tuple[Digest, ...]
    predicate_type: str
    predicate: Mapping[str, JsonValue]
    signed_at: datetime | None = None
    """In UTC to the second; None if the statement has no signing time."""

    def render(self) -> bytes:
        """Return the canonical bytes, which are signed."""
        subjects: list[JsonValue] = []
        for digest in self.subjects:
            subject: dict[str, JsonValue] = {"digest": {"sha256": digest.hex}}
            if self.signed_at is not None and not subjects:
                subject["annotations"] = {SIGNED_AT: render_time(self.signed_at)}
            subjects.append(subject)
        return canonical_json(
            {
                "_type": STATEMENT_TYPE,
                "subject": subjects,
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )

    @classmethod
    def parse(cls, content: bytes) -> "Statement":
        """Parse a statement of any origin. Raises `InvalidInput` if a member is wrong."""
        value = parse_object(content, "statement")
        if value.get("_type") != STATEMENT_TYPE:
            raise InvalidInput(f"statement has _type {value.get('_type')!r}, expected v1")
        predicate_type, predicate = value.get("predicateType"), value.get("predicate", {})
        if not isinstance(predicate_type, str):
            raise InvalidInput("statement needs a predicateType")
        if predicate is None:
            predicate = {}
        if not isinstance(predicate, dict):
            raise InvalidInput("statement has a predicate that is not an object")
        subject = value.get("subject")
        return cls(_subjects(subject), predicate_type, predicate, _signed_at(subject))


def admitted_type(stage: str) -> str:
    """Return the predicate type of the statement that a release was admitted to a stage."""
    return ADMITTED + stage


def render_time(moment: datetime) -> str:
    """Return the moment as RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Parse an RFC 3339 time with an offset from UTC. Raises `InvalidInput`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is not a time of RFC 3339") from error
    if moment.tzinfo is None:
        raise InvalidInput(f"{text[:40]!r} has no offset from UTC")
    return moment.astimezone(UTC)


def member(value: JsonValue, *path: str) -> JsonValue:
    """Return the value at a path of member names in a JSON value; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text_member(value: JsonValue, *path: str) -> str:
    """Return the text at a path of member names in a JSON value; empty if there is none."""
    text = member(value, *path)
    return text if isinstance(text, str) else ""


def cited(predicate: Mapping[str, JsonValue]) -> frozenset[Digest]:
    """Return the statements that a decision cites: approvals, waivers, evidence of machines."""
    digests = set()
    for key in ("approvals", "waivers", "evidence"):
        listed = predicate.get(key)
        for text in listed if isinstance(listed, list) else ():
            with suppress(InvalidInput):  # not a digest, so nothing can arrive under it
                digests.add(Digest(str(text)))
    return frozenset(digests)


def _signed_at(subjects: JsonValue) -> datetime | None:
    first = subjects[0] if isinstance(subjects, list) and subjects else None
    text = member(first, "annotations", SIGNED_AT)
    return parse_time(text) if isinstance(text, str) else None


def _subjects(value: JsonValue) -> tuple[Digest, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInput("statement needs a list of subjects")
    digests = []
    for subject in value:
        digest = subject.get("digest") if isinstance(subject, dict) else None
        hexadecimal = digest.get("sha256") if isinstance(digest, dict) else None
        if not isinstance(hexadecimal, str):
            raise InvalidInput("a subject of the statement has no sha256 digest")
        digests.append(Digest("sha256:" + hexadecimal))
    return tuple(digests)
