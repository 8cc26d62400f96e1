"""The records of the prediction log: answers as columns, with encrypted inputs."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from goldenpath.drift.profile import Floats
from goldenpath.observe.log.context_columns import (
    FEW,
    FIELDS,
    circumstances,
    constant,
    few,
    identifiers,
    oversight,
)
from goldenpath.observe.log.release_rules import Facts, Parts, unseen
from goldenpath.observe.log.subject_keys import Subject
from goldenpath.parsers.typed import parse_typed
from goldenpath.serve.protocol.decision import row_reasons
from goldenpath.serve.record.spool_format import Answered, SpoolHeader
from goldenpath.stored_formats import RECORD

SALT, NONCE = 16, 12
FEATURES = b"goldenpath.features"
"""Metadata of the Parquet file: names of the inputs in their order, as a JSON list."""
_FIELDS: "list[pa.Field[pa.DataType]]" = [
    pa.field("prediction_id", pa.string(), nullable=False),
    pa.field("t_start", pa.timestamp("ns", "UTC"), nullable=False),
    pa.field("duration_ns", pa.int64(), nullable=False),
    pa.field("inference_ns", pa.int64(), nullable=False),
    pa.field("stage", FEW, nullable=False),
    pa.field("model", FEW, nullable=False),
    pa.field("release_digest", FEW, nullable=False),
    pa.field("traffic_slot", FEW, nullable=False),
    pa.field("replica", FEW, nullable=False),
    pa.field("sequence", pa.int64(), nullable=False),
    pa.field("row", pa.int32(), nullable=False),
    pa.field("status", pa.int16(), nullable=False),
    pa.field("caller", FEW, nullable=False),
    pa.field("subject_ref", pa.string()),
    pa.field("input_commitment", pa.binary(32)),
    pa.field("input_ciphertext", pa.binary()),
    pa.field("key_day", FEW, nullable=False),
    pa.field("missing", pa.int16(), nullable=False),
    pa.field("unseen", pa.int16(), nullable=False),
    pa.field("score", pa.float32()),
    pa.field("band", FEW),
    pa.field("outcome", FEW),
    pa.field("fallback_used", pa.bool_(), nullable=False),
    pa.field("refusal", pa.string()),
    pa.field("trace_id", pa.string()),
    pa.field("decisive", pa.bool_(), nullable=False),
    pa.field("reasons", pa.list_(pa.struct([("code", pa.string()), ("weight", pa.float32())]))),
    pa.field("out_of_range", pa.int16(), nullable=False),
    pa.field("cutoff_distance", pa.float32()),
    *FIELDS,
    pa.field("class", FEW),
    pa.field("probabilities", pa.list_(pa.float32())),
]
VERSION = b"goldenpath.version"
"""Metadata of the Parquet file. Files of version 2 have the columns up to `reasons`, and those of
version 3 lack `class` and `probabilities`."""
SCHEMA = pa.schema(_FIELDS, metadata={VERSION: str(RECORD.version).encode()})


def require_version(version: bytes, subject: str) -> None:
    """Raise `InvalidInput` unless a file of records has a version that is read."""
    text = version.decode("utf-8", "replace")[:20]
    RECORD.require(int(text) if text.isdecimal() else text, subject)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Answers with their rows as arrays, for the log, the drift monitor and telemetry."""

    header: SpoolHeader
    answered: Sequence[Answered]
    rows: Floats
    """Inputs of shape `(predictions, features)`. Refusals have none."""
    columns: Floats
    """The transposed inputs: each feature is contiguous in memory."""
    numbers: Floats
    """What the model gave, of shape `(predictions, numbers)`: several only for classes."""

    @property
    def total(self) -> int:
        """Number of predictions."""
        return len(self.numbers)

    @classmethod
    def of(cls, header: SpoolHeader, answered: Sequence[Answered]) -> "Block":
        """Return the block of these answers, with inputs and scores decoded."""
        inputs = np.frombuffer(b"".join(a.inputs for a in answered), "<f4")
        scores = np.frombuffer(b"".join(a.scores for a in answered), "<f4")
        rows = inputs.reshape(-1, len(header.features))
        numbers = scores.reshape(-1, header.outputs)
        return cls(header, answered, rows, np.ascontiguousarray(rows.T), numbers)


def feature_names(table: pa.Table) -> list[str]:
    """Return the names of the inputs in their order in the file. Raises `InvalidInput`."""
    content = (table.schema.metadata or {}).get(FEATURES, b"[]")
    return parse_typed(content, list[str], "the names of inputs in a file of the prediction log")


def decisive(block: Block) -> Block:
    """Return the block without shadow answers: they are not used for decisions."""
    if not any(answered.shadow for answered in block.answered):
        return block
    return Block.of(block.header, [each for each in block.answered if not each.shadow])


def anonymous(stage: str, model: str, day: str) -> str:
    """Return the subject name for inputs without a subject. `day` is from `day_of`."""
    return f"\0{stage}\0{model}\0{day}"


def names(block: Block, day: str) -> list[str]:
    """Return the subject of every prediction."""
    nobody = anonymous(block.header.stage, block.header.model, day)
    result: list[str] = []
    for answered in block.answered:
        result.extend(answered.subjects or [nobody] * answered.rows)
    return result


def to_table(
    block: Block, facts: Facts | None, subjects: Mapping[str, Subject], day: str
) -> pa.Table:
    """Return the records of a block. Without `facts`, bands and outcomes are null."""
    answered = block.answered
    rows = np.array([a.rows for a in answered], np.int64)
    records = np.maximum(rows, 1)
    served = np.repeat(rows > 0, records)
    ids = [i for a in answered for i in _ids(a)]
    total = len(ids)
    columns: dict[str, object] = {
        "prediction_id": ids,
        "t_start": np.repeat(np.array([a.started for a in answered], "M8[ns]"), records),
        "duration_ns": np.repeat(np.array([a.duration for a in answered]), records),
        "inference_ns": np.repeat(np.array([a.inference for a in answered]), records),
        "sequence": np.repeat(np.array([a.sequence for a in answered]), records),
        "row": _places(records),
        "status": np.repeat(np.array([a.status for a in answered], np.int16), records),
        "caller": few([a.caller for a in answered], records, optional=False),
        "refusal": _texts([a.refusal[:500] or None for a in answered], records),
        "trace_id": _texts([a.traceparent[3:35] or None for a in answered], records),
        **_constants(block.header, day, total),
        **_encrypted(block, ids, served, subjects, day=day),
        **_judged(block, facts, served, records),
        **circumstances(block.header, answered, records, facts.parts if facts else Parts()),
        "decisive": np.repeat([not a.shadow for a in answered], records),
        "reasons": _reasons(answered, facts),
    }
    named = {**(SCHEMA.metadata or {}), FEATURES: json.dumps(block.header.features).encode()}
    arrays = [_array(columns[field.name], field.type) for field in SCHEMA]
    return pa.table(arrays, schema=SCHEMA.with_metadata(named))


def _array(values: object, type_: pa.DataType) -> "pa.Array[pa.Scalar[pa.DataType]]":
    if isinstance(values, pa.Array):
        return values
    return pa.array(values, type_)  # type: ignore[call-overload,no-any-return]


def _places(records: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the position of each record in its request, from 0 on."""
    first = np.repeat(np.cumsum(records) - records, records)
    places: NDArray[np.int32] = (np.arange(len(first)) - first).astype(np.int32)
    return places


def _ids(answered: Answered) -> list[str]:
    if not answered.rows:
        return [answered.prediction_id]
    return [f"{answered.prediction_id}-{row}" for row in range(answered.rows)]


def _reasons(answered: Sequence[Answered], facts: Facts | None) -> list[object]:
    """Return the reasons of each record: codes and weights, the largest first."""
    policy = facts.contract.reasons if facts is not None else None
    column: list[object] = []
    for request in answered:
        if policy is None or not request.reasons:
            column.extend([None] * max(request.rows, 1))
            continue
        weights = np.frombuffer(request.reasons, "<f4").reshape(request.rows, -1)
        column.extend(
            [{"code": given.code, "weight": given.weight} for given in row]
            for row in row_reasons(policy, weights)
        )
    return column


def _constants(header: SpoolHeader, day: str, total: int) -> dict[str, object]:
    values = {
        "stage": header.stage,
        "model": header.model,
        "release_digest": header.digest,
        "traffic_slot": header.slot,
        "replica": header.replica,
        "key_day": day,
    }
    return {name: constant(value, total) for name, value in values.items()}


def _texts(values: list[str | None], records: NDArray[np.int64]) -> list[str | None]:
    if not any(values):
        return [None] * int(records.sum())
    return [v for v, n in zip(values, records.tolist(), strict=True) for _ in range(n)]


def _encrypted(
    block: Block,
    ids: Sequence[str],
    served: NDArray[np.bool_],
    subjects: Mapping[str, Subject],
    *,
    day: str,
) -> dict[str, object]:
    """Return the columns of pseudonym, commitment and ciphertext.

    Commitment and ciphertext cover salt, inputs, and references as JSON. Without salt, somebody
    could guess the inputs behind a commitment in seconds.
    """
    total = len(block.rows)
    salts = np.frombuffer(os.urandom(SALT * total), np.uint8).reshape(total, SALT)
    plain = np.hstack([salts, block.rows.view(np.uint8)]).tobytes()
    nonces, width = os.urandom(NONCE * total), SALT + 4 * len(block.header.features)
    nobody = anonymous(block.header.stage, block.header.model, day)
    sha256, named = hashlib.sha256, identifiers(block.answered)
    references: list[str | None] = []
    commitments: list[bytes | None] = []
    ciphertexts: list[bytes | None] = []
    owners = names(block, day)
    at = 0
    for prediction_id, is_served in zip(ids, served.tolist(), strict=True):
        if not is_served:
            references.append(None)
            commitments.append(None)
            ciphertexts.append(None)
            continue
        opened = plain[width * at : width * at + width]
        if named:
            opened += named[at]
        nonce = nonces[NONCE * at : NONCE * at + NONCE]
        subject = subjects[owners[at]]
        references.append(None if owners[at] == nobody else subject.reference)
        commitments.append(sha256(opened).digest())
        ciphertexts.append(nonce + subject.cipher.encrypt(nonce, opened, prediction_id.encode()))
        at += 1
    return {
        "subject_ref": references,
        "input_commitment": commitments,
        "input_ciphertext": ciphertexts,
    }


def _reviewed(facts: Facts | None) -> tuple[str, ...]:
    policy = facts.contract.decision if facts is not None else None
    return policy.reviewed if policy is not None else ()


def _judged(
    block: Block,
    facts: Facts | None,
    served: NDArray[np.bool_],
    records: NDArray[np.int64],
) -> dict[str, object]:
    total = len(served)
    missing, strange, beyond = np.zeros((3, total), np.int16)
    scores, distances = np.full((2, total), np.nan, np.float32)
    bands, outcomes = np.full(total, None, object), np.full(total, None, object)
    fallback = np.zeros(total, np.bool_)
    labels, listed = np.full(total, None, object), np.full(total, None, object)
    scores[served] = block.numbers.max(axis=1) if block.total else []
    missing[served] = np.isnan(block.rows).sum(axis=1)
    if facts is not None:
        rules = facts.rules
        decisions = rules.decide(block.numbers)
        bands[served], outcomes[served] = decisions.bands, decisions.outcomes
        fallback[served] = decisions.fallback if facts.contract.decision is not None else False
        if rules.classes:
            names = np.array([*rules.classes, None], object)
            labels[served] = names[rules.likeliest(block.numbers)]
            for place, row in zip(np.flatnonzero(served), block.numbers.tolist(), strict=True):
                listed[place] = row
        strange[served], beyond[served] = unseen(facts.profile, block.rows)
        distances[served] = rules.to_bound(block.numbers)
    decided = pa.array(outcomes, pa.string()).dictionary_encode()
    return {
        "missing": missing,
        "unseen": strange,
        "score": pa.array(scores, mask=np.isnan(scores)),
        "band": pa.array(bands, pa.string()).dictionary_encode(),
        "outcome": decided,
        "out_of_range": beyond,
        "cutoff_distance": pa.array(distances, mask=np.isnan(distances)),
        **oversight(block.answered, records, decided, _reviewed(facts)),
        "fallback_used": fallback,
        "class": pa.array(labels, pa.string()).dictionary_encode(),
        "probabilities": pa.array(listed, pa.list_(pa.float32())),
    }
