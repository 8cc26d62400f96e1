"""Proves one prediction: gathers everything that shows it, as files that verify by themselves.

The record is a leaf of a tree in the signed checkpoint of its segment. The checkpoint is a leaf of
a tree in a commit that a witness signed. A commit of `main` places the release in the stage, and
signed statements are about the release. A bundle is only returned if its own verifier accepts it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.audit.anchors.anchors_branch import AnchorsRead
from goldenpath.audit.proofs import bundle_verifier
from goldenpath.audit.proofs.anchored_segment import HeldSegment, held_segment
from goldenpath.audit.proofs.bundle_archive import with_sums
from goldenpath.audit.proofs.git_evidence import GitEvidence, chain_of_main
from goldenpath.audit.proofs.held_stamp import stamp_of
from goldenpath.audit.proofs.release_statements import Selection, select_statements
from goldenpath.audit.proofs.verification_page import PageContent, allowed_signers, render_page
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import JsonValue, canonical_json
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.merkle_tree import inclusion_proof, leaf_hash
from goldenpath.observe.log.log_reader import locate_prediction, log_public_key, verified_table
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment
from goldenpath.observe.log.trees.record_tree import head_text, record_lines
from goldenpath.parsers.parquet_bytes import table_in
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.platform.platform import FILE
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.documents import Documents
from goldenpath.release.attest.policy import Verified

MOST_COMMITS = 100
"""The most commits between the placement and the trusted commit that go into a bundle."""


@dataclass(frozen=True, slots=True)
class ProofSources:
    """The places that hold what proves a prediction."""

    home: Home
    trusted: Trusted
    main: Repository
    branch: Repository
    """Our copy of the branch `anchors`."""
    anchors: AnchorsRead
    machine: str
    """The name of the witness of this machine; empty if `platform.toml` lists none."""
    history: Callable[[str], Sequence[Intent]]
    """Returns every commit that changed a model in any stage, in order."""
    statements: Callable[[Digest, frozenset[Digest]], tuple[Documents, Verified]]
    """Returns what the store holds about a release; the named statements are read first."""
    certificates: bytes | None = None
    """PEM file of the time-stamping authority that counts; None if none does."""


@dataclass(frozen=True, slots=True)
class ProvenPrediction:
    """A bundle that its own verifier accepted."""

    prediction_id: str
    files: Mapping[str, bytes]
    facts: tuple[str, ...]
    """What the verifier found proven, one sentence each."""
    trust: str
    """The commit of `main` on which everything rests."""
    anchor: str
    """The commit of the branch `anchors` that holds the record."""
    not_shown: tuple[str, ...]
    """What the bundle leaves out or does not show, one sentence each."""


@dataclass(frozen=True, slots=True)
class _Record:
    """One record as a leaf, with its inclusion proof."""

    checkpoint: Checkpoint
    shared: bytes
    """What all records of the segment share: leaf 0."""
    line: bytes
    index: int
    shared_proof: tuple[bytes, ...]
    proof: tuple[bytes, ...]
    values: Mapping[str, object]


def prove(
    sources: ProofSources, prediction_id: str, *, at: datetime | None = None
) -> ProvenPrediction:
    """Return the bundle that proves a prediction.

    With `at`, only heads that were signed up to then count. Raises `NotFound` if the prediction or
    the witness is not there, `Unavailable` if no witness holds the prediction yet, and
    `VerificationError` if something is wrong or contradicts something else.
    """
    require_witness(sources)
    log_public_key(sources.home)
    return prove_record(sources, *locate_prediction(sources.home, prediction_id), at=at)


def require_witness(sources: ProofSources) -> None:
    """Raise `NotFound` if nobody holds the heads of this log."""
    if not sources.machine:
        raise NotFound(
            "platform.toml lists no witness for this machine: nobody holds the heads of its log, "
            "so no record can be proven",
            hint="list its key: goldenpath key witness NAME; then earlier records are held as well",
        )


def prove_record(
    sources: ProofSources, segment: StoredSegment, place: int, *, at: datetime | None = None
) -> ProvenPrediction:
    """Return the bundle that proves the record at a place of a segment. Raises like `prove`."""
    public_key = log_public_key(sources.home)
    record = _record(segment, place, verified_table(segment, public_key))
    records = [each for each in sources.anchors.records if each.machine == sources.machine]
    held = held_segment(records, segment, public_key, home=sources.home, at=at)
    release = Digest(str(record.values["release_digest"]))
    intent = _placement(sources, record, release)
    named = frozenset([Digest(intent.decision)] if intent.decision else [])
    documents, known = sources.statements(release, named)
    if not known.holds:
        failed = "; ".join(each.message for each in known.findings if each.status == "fail")
        raise VerificationError(f"the evidence of release {release.short} does not hold: {failed}")
    selection = select_statements(known, documents)
    files = {
        "record.json": record.line,
        "shared.json": record.shared,
        "checkpoint.json": segment.checkpoint(),
        "release.json": documents.image,
        **{name: content for each in selection.kept for name, content in each.files.items()},
    }
    return _bundle(sources, files, record, held, intent=intent, selection=selection)


def _record(segment: StoredSegment, place: int, sealed: tuple[Checkpoint, bytes]) -> _Record:
    """Return a record with its proof. Raises `InvalidInput` for a segment without a tree."""
    checkpoint, content = sealed
    if not checkpoint.records:
        raise InvalidInput(
            f"segment {segment.table_name} was sealed by an earlier version, without a tree over "
            "its records: no single record of it can be proven",
            hint="the segment as a whole is signed: goldenpath log check verifies it, and DuckDB "
            "reads it",
        )
    lines = record_lines(table_in(content))
    leaves = [leaf_hash(line) for line in lines]
    if head_text(leaves) != checkpoint.records:
        raise VerificationError(
            f"the records of segment {segment.table_name} differ from the tree that its "
            "checkpoint signs"
        )
    shared, line = lines[0], lines[place + 1]
    proofs = (inclusion_proof(leaves, 0), inclusion_proof(leaves, place + 1))
    return _Record(checkpoint, shared, line, place + 1, *proofs, _values(shared, line))


def _values(shared: bytes, line: bytes) -> Mapping[str, object]:
    head, own = json.loads(shared), json.loads(line)
    return {**head["shared"], **dict(zip(head["columns"], own, strict=True))}


def _placement(sources: ProofSources, record: _Record, release: Digest) -> Intent:
    """Return the last commit before the answer that places the release in the stage."""
    nanoseconds = record.values["t_start"]
    answered = int(nanoseconds) / 1e9 if isinstance(nanoseconds, int) else 0.0
    stage, model = record.checkpoint.stage, record.checkpoint.model
    before = [
        each
        for each in sources.history(model)
        if each.stage == stage
        and each.time.timestamp() <= answered
        and any(slot.digest == release for slot in each.slots)
    ]
    if not before:
        raise VerificationError(
            f"no commit of main placed release {release.short} in {stage} before it answered",
            hint="goldenpath at TIME shows what was intended and what was observed",
        )
    return before[-1]


def _bundle(
    sources: ProofSources,
    files: Mapping[str, bytes],
    record: _Record,
    held: HeldSegment,
    *,
    intent: Intent,
    selection: Selection,
) -> ProvenPrediction:
    trust, anchor = sources.trusted.commit, held.holder.commit.id
    lineage = _lineage(sources.main, intent.commit, trust)
    followed = {each.record.main for each in sources.anchors.records}
    base, chain = chain_of_main(sources.main.first_parents(None, trust), followed)
    objects = _objects(sources, held, intent, (*(lineage or ()), base, *chain))
    stamp = stamp_of(sources.branch, held.holder, sources.certificates)
    prediction_id = str(record.values["prediction_id"])
    proof: dict[str, JsonValue] = {
        "version": 1,
        "prediction": prediction_id,
        "machine": sources.machine,
        "trust": trust,
        "placement": intent.commit,
        "lineage": [*(lineage or ())],
        "base": base,
        "chain": [*chain],
        "anchor": anchor,
        "key_commit": held.key_commit,
        "log_key": held.key_file.rpartition("/")[2],
        "index": record.index,
        "shared_proof": _hex(record.shared_proof),
        "record_proof": _hex(record.proof),
        "segment_proof": _hex(held.proof),
        "statements": _listed(selection),
        "left_out": [*selection.left_out],
    }
    signers = allowed_signers(sources.trusted.platform)
    content = PageContent(
        proof,
        record.checkpoint,
        held.holder.record,
        intent.signer,
        platform=sources.trusted.platform,
        selection=selection,
        stamp=stamp.stamp,
    )
    whole = {
        **files,
        **objects,
        **stamp.files,
        "proof.json": canonical_json(proof),
        "allowed_signers": signers.encode(),
        "verify.py": Path(bundle_verifier.__file__).read_bytes(),
        "VERIFY.md": render_page(content).encode(),
    }
    made = ProvenPrediction(
        prediction_id, with_sums(whole), stamp.facts, trust, anchor, stamp.not_shown
    )
    return _checked(made, proof)


def _listed(selection: Selection) -> list[JsonValue]:
    return [
        {
            "file": each.name,
            "kind": each.statement.kind,
            "signer": each.statement.signer,
            "type": each.statement.statement.predicate_type,
        }
        for each in selection.kept
    ]


def _checked(made: ProvenPrediction, proof: Mapping[str, JsonValue]) -> ProvenPrediction:
    """Return the bundle with what its verifier says. Raises `VerificationError` if it refuses."""
    try:
        lines = bundle_verifier.verify(made.files, made.trust)
    except bundle_verifier.Refused as error:
        raise VerificationError(
            f"the bundle does not verify, so it is not written: {error}"
        ) from error
    left_out = proof["left_out"]
    not_shown = [*made.not_shown, *(line for line in lines if line.startswith("NOT SHOWN"))]
    named = left_out if isinstance(left_out, list) else []
    not_shown += [f"NOT IN THE BUNDLE: {each}" for each in named]
    return ProvenPrediction(
        made.prediction_id,
        made.files,
        (*lines, *made.facts),
        made.trust,
        made.anchor,
        tuple(not_shown),
    )


def _lineage(main: Repository, placement: str, trust: str) -> tuple[str, ...] | None:
    """Return the commits between both; None if they are too many."""
    commits = [each for each in main.between(placement, trust) if each != trust]
    return tuple(commits) if len(commits) <= MOST_COMMITS else None


def _objects(
    sources: ProofSources, held: HeldSegment, intent: Intent, commits: Sequence[str]
) -> Mapping[str, bytes]:
    """Return the objects of git that the bundle needs."""
    main, branch = GitEvidence(sources.main), GitEvidence(sources.branch)
    main.file(sources.trusted.commit, FILE)
    folder = main.folder(intent.commit, deployment_folder(intent.stage, intent.model))
    for identity in folder.values():
        main.blob(identity)
    for commit in commits:
        main.commit(commit)
    branch.file(held.holder.commit.id, f"machines/{sources.machine}/heads.json")
    branch.file(held.key_commit, held.key_file)
    return {**main.files, **branch.files}


def _hex(proof: Sequence[bytes]) -> list[JsonValue]:
    return [each.hex() for each in proof]
