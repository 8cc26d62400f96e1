"""The facts about a release by section, each with a mark of how well it is known."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.canonical import JsonValue, canonical_json, parse_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.oci.manifest import Index, document_type, parse_manifest
from goldenpath.oci.store import Store
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.project.statements import THRESHOLDS
from goldenpath.project.text import MAX_TEXT
from goldenpath.release.artifact.inspection import Inspection, Mark, files_of
from goldenpath.release.artifact.pack import CONTRACT, PLATFORM_FOLDER
from goldenpath.release.attest.documents import Candidate, Documents, read_candidate
from goldenpath.release.attest.examination import judge
from goldenpath.release.attest.policy import Demand, Person, Policy, SignedStatement
from goldenpath.release.attest.statement import (
    DATASET,
    DECISION,
    METRICS,
    PROVENANCE,
    SBOM,
    SIGNED,
    TEST_RESULT,
    member,
)
from goldenpath.release.attest.verify import Reading, gather
from goldenpath.release.evidence.difference import Fact, Facts
from goldenpath.release.evidence.provenance import read_provenance

LIMITS = f"{PLATFORM_FOLDER}/{THRESHOLDS}"
SMALL = 16 * 1024 * 1024
"""Bytes up to which a layer is read even if both sides have it."""
_PACKAGES = {"pkg:pypi/": "", "pkg:deb/": "deb:"}


@dataclass(frozen=True, slots=True)
class TrustedStatements:
    """The statements about a release, and those that the given trust accepts."""

    documents: Documents
    counted: tuple[SignedStatement, ...]
    signers: tuple[str, ...]
    """Trusted keys that signed the release itself."""

    @property
    def mark(self) -> Mark:
        """The mark for the content of the release once it is hashed."""
        return "verified" if self.signers else "observed"

    @property
    def layers(self) -> frozenset[Digest]:
        """The layers above `SMALL`, which need not be read if both sides have them."""
        manifest = parse_manifest(document_type(self.documents.image), self.documents.image)
        listed = () if isinstance(manifest, Index) else manifest.layers
        return frozenset(layer.digest for layer in listed if layer.size > SMALL)


def standing(
    store: Store, digest: Digest, policy: Policy, people: Sequence[Person], *, now: datetime
) -> TrustedStatements:
    """Gather and judge the statements. Without keys in `policy` none counts. Raises `NotFound`."""
    reading = Reading(Demand(digest, policy, people, now))
    documents = gather(store, digest, reading=reading)
    counted = judge(digest, documents, policy, people, now=now).statements
    signing = (each for each in counted if each.statement.predicate_type == SIGNED)
    signers = tuple(sorted({each.signer for each in signing}))
    return TrustedStatements(
        documents, counted, signers if len(signers) >= policy.threshold else ()
    )


def marked(inspection: Inspection, known: TrustedStatements) -> Inspection:
    """Return the inspection with the marks of the release and of each referrer."""
    signers = {each.envelope.text: each.signer for each in known.counted}
    # A signed subject may be a referrer itself, such as the ModelPack manifest.
    for counted in known.counted:
        for subject in counted.statement.subjects:
            signers.setdefault(subject.text, counted.signer)
    referrers = tuple(
        replace(each, mark="verified", signer=signers[each.digest])
        if each.digest in signers
        else each
        for each in inspection.referrers
    )
    return replace(inspection, mark=known.mark, signers=known.signers, referrers=referrers)


def facts(
    store: Store, digest: Digest, known: TrustedStatements, unread: Set[Digest] = frozenset()
) -> Facts:
    """Return every known section.

    `unread` are large layers that both sides have, so they need not be read.
    """
    sections = dict(_of_files(store, digest, known, unread))
    for candidate, fact in _statements(known):
        for section, value in _stated(candidate).items():
            if section == "decisions" and section in sections:
                value = _joined(sections[section].value, value)
            sections[section] = replace(fact, value=value)
    return sections


def _of_files(
    store: Store, digest: Digest, known: TrustedStatements, unread: Set[Digest]
) -> Iterator[tuple[str, Fact]]:
    by = ", ".join(known.signers)
    files = files_of(store, digest, keep=frozenset({CONTRACT, LIMITS}), unread=unread)
    yield "files", Fact({path: each.digest for path, each in files.items()}, known.mark, by)
    contract = files.get(CONTRACT)
    if contract is not None:
        value = parse_json(contract.content, "contract of the release")
        if isinstance(value, dict):
            for section, key in (("decision policy", "decision"), ("monitors", "monitor")):
                yield section, Fact(value.pop(key, None), known.mark, by)
        yield "schema", Fact(value, known.mark, by)
    limits = files.get(LIMITS)
    if limits is not None:
        yield "limits", Fact(_yaml(limits.content), known.mark, by)


def _statements(known: TrustedStatements) -> Iterator[tuple[Candidate, Fact]]:
    """Yield every statement: first the unverified, then the verified, each in order of time."""
    signers = {each.envelope: each.signer for each in known.counted}
    read: list[tuple[bool, str, Candidate, Fact]] = []
    for document in known.documents.referrers:
        if document.fault:
            continue
        try:
            candidate = read_candidate(document)
        except InvalidInput:
            # Other tools attach referrers too; `verify` reports those that should be valid.
            continue
        signer = signers.get(document.listed.digest)
        fact = Fact(None, "declared" if signer is None else "verified", signer or "")
        moment = candidate.signed_at.isoformat() if candidate.signed_at else ""
        read.append((signer is not None, moment, candidate, fact))
    for _, _, candidate, fact in sorted(read, key=lambda each: each[:2]):
        yield candidate, fact


def _stated(candidate: Candidate) -> Mapping[str, JsonValue]:
    predicate = dict(candidate.predicate)
    match candidate.predicate_type:
        case kind if kind == PROVENANCE:
            return _origin(predicate)
        case kind if kind == DATASET:
            return {"data": _keyed(member(predicate, "datasets"))}
        case kind if kind == METRICS:
            return {"metrics": _keyed(member(predicate, "metrics"))}
        case kind if kind == SBOM:
            return {"packages": _packages(member(predicate, "components"))}
        case kind if kind == TEST_RESULT:
            passed, failed = member(predicate, "passedTests"), member(predicate, "failedTests")
            return {"checks": {**_each(passed, "passed"), **_each(failed, "failed")}}
        case kind if kind == DECISION:
            verdicts = _keyed(member(predicate, "findings"), "check", "status")
            stage = {"allowed": member(predicate, "allowed"), "gates": verdicts}
            return {"decisions": {str(member(predicate, "stage")): stage}}
    return {}


def _origin(predicate: dict[str, JsonValue]) -> Mapping[str, JsonValue]:
    try:
        origin = read_provenance(predicate)
    except InvalidInput:
        # Provenance of another build type has nothing that can be compared.
        return {}
    machine = {key: origin.internal.get(key) for key in ("python", "uv", "platform", "cpu")}
    return {
        "code": {
            "repository": origin.repository,
            "commit": origin.commit,
            "entry": origin.entry,
            "dirty": origin.internal.get("dirty"),
            "author": origin.internal.get("author"),
        },
        "parameters": {
            **dict(origin.parameters),
            "seed": origin.seed,
            "threads": origin.internal.get("threads"),
        },
        "environment": {**machine, "uv.lock": origin.materials.get("uv.lock")},
    }


def _keyed(listed: JsonValue, key: str = "name", only: str = "") -> dict[str, JsonValue]:
    """Return a list of objects by name and slice: the whole object, or its member `only`."""
    keyed: dict[str, JsonValue] = {}
    for item in listed if isinstance(listed, list) else []:
        if isinstance(item, dict):
            part = item.get("slice")
            name = f"{item.get(key)} [{part}]" if part else str(item.get(key))
            rest = {k: v for k, v in item.items() if k not in (key, "slice")}
            keyed[name] = item.get(only) if only else rest
    return keyed


def _packages(listed: JsonValue) -> dict[str, JsonValue]:
    packages: dict[str, JsonValue] = {}
    for item in listed if isinstance(listed, list) else []:
        purl, version = member(item, "purl"), member(item, "version")
        kind = next((k for k in _PACKAGES if isinstance(purl, str) and purl.startswith(k)), None)
        if kind is None or not isinstance(version, str):
            continue
        hashes = member(item, "hashes")
        contents = [member(one, "content") for one in (hashes if isinstance(hashes, list) else [])]
        packages[f"{_PACKAGES[kind]}{member(item, 'name')}"] = {
            "version": version,
            "hashes": " ".join(sorted(str(content) for content in contents)) or None,
        }
    return packages


def _each(names: JsonValue, value: str) -> dict[str, JsonValue]:
    return {str(name): value for name in (names if isinstance(names, list) else [])}


def _joined(one: JsonValue, other: JsonValue) -> JsonValue:
    both = (one, other)
    return {k: v for each in both if isinstance(each, dict) for k, v in each.items()}


def _yaml(content: bytes) -> JsonValue:
    try:
        value = parse_json(canonical_json(parse_yaml(content, "limits", limit=MAX_TEXT)), "limits")
    except InvalidInput:
        # The file is malformed. A change of it still shows in the section of files.
        return None
    if isinstance(value, dict):
        value["metrics"] = _keyed(value.get("metrics"), "metric")
    return value
