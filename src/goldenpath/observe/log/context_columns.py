"""Columns of the log for the context of a prediction: purpose, components, clock.

The release is the same for a whole segment, and callers mostly give no context. So most of these
columns have one value for the segment and take almost no space.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from goldenpath.observe.log.release_rules import Parts
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.spool_format import OVERLOAD, Answered, SpoolHeader

FEW = pa.dictionary(pa.int32(), pa.string())
KINDS = pa.list_(pa.string())
FIELDS: "list[pa.Field[pa.DataType]]" = [
    pa.field("traffic_role", FEW, nullable=False),
    pa.field("model_digest", FEW),
    pa.field("decision_policy_digest", FEW),
    pa.field("schema_digest", FEW),
    pa.field("explainer_digest", FEW),
    pa.field("process", FEW),
    pa.field("channel", FEW),
    pa.field("oversight_mode", FEW),
    pa.field("oversight_by", FEW),
    pa.field("feature_age_ms", pa.int64()),
    pa.field("reference_kinds", KINDS),
    pa.field("error_class", FEW),
    pa.field("clock_offset_ns", pa.int64()),
    pa.field("clock_error_ns", pa.int64()),
]
Records = NDArray[np.int64]
"""The number of records of each request: one for each row, or one for a refusal."""
Texts: TypeAlias = "pa.DictionaryArray[pa.lib.Int32Type, pa.lib.StringType]"
_ERRORS = {422: "input contract", 500: "model", 503: "unavailable"}
_NO_CONTEXT = RequestContext()


def circumstances(
    header: SpoolHeader, answered: Sequence[Answered], records: Records, parts: Parts
) -> dict[str, object]:
    """Return the columns except those of oversight, with one value for each record."""
    total = int(records.sum())
    return {
        "traffic_role": few([_role(each) for each in answered], records),
        "model_digest": constant(parts.model, total),
        "decision_policy_digest": constant(parts.decision, total),
        "schema_digest": constant(parts.schema, total),
        "explainer_digest": constant(parts.explainer, total),
        "error_class": few([_error(each) for each in answered], records),
        "clock_offset_ns": pa.repeat(pa.scalar(header.clock_offset, pa.int64()), total),
        "clock_error_ns": pa.repeat(pa.scalar(header.clock_error, pa.int64()), total),
        **_context(answered, records),
    }


def oversight(
    answered: Sequence[Answered], records: Records, outcomes: Texts, reviewed: Collection[str]
) -> dict[str, object]:
    """Return whether a person reviews each decision: set by the caller, else by the policy.

    The policy says which outcomes a person reviews. The score alone decides the others.
    """
    names = [
        "human-in-loop" if each in reviewed else "automatic"
        for each in outcomes.dictionary.to_pylist()
    ]
    meant = pa.array(names, pa.string()).take(outcomes.indices)
    oversight = few([each.context.oversight if each.context else "" for each in answered], records)
    declared = oversight.cast(pa.string())
    by_policy = pc.if_else(meant.is_valid(), "policy", pa.scalar(None, pa.string()))
    by = pc.if_else(declared.is_valid(), "caller", by_policy)
    return {
        "oversight_mode": pc.coalesce(declared, meant).dictionary_encode(),
        "oversight_by": by.dictionary_encode(),
    }


def few(values: Sequence[str], records: Records, *, optional: bool = True) -> Texts:
    """Return a dictionary column from one text for each request.

    With `optional`, an empty text is null.
    """
    distinct = sorted(set(values))
    if len(distinct) == 1 and (distinct[0] or optional):
        return constant(distinct[0], int(records.sum()))
    place = {value: i for i, value in enumerate(distinct)}
    codes = np.repeat(np.array([place[value] for value in values], np.int32), records)
    is_none = codes == (place.get("", -1) if optional else -1)
    known = pa.array(distinct, pa.string())
    return pa.DictionaryArray.from_arrays(codes, known, mask=is_none)


def constant(value: str, total: int) -> Texts:
    """Return a column of one text, or of nulls if it is empty."""
    if not value:
        return pa.repeat(pa.scalar(None, FEW), total)
    return pa.DictionaryArray.from_arrays(np.zeros(total, np.int32), pa.array([value]))


def identifiers(answered: Sequence[Answered]) -> list[bytes]:
    """Return the identifiers of outside data of each prediction, as JSON.

    They are encrypted together with the inputs. Empty if no caller named any.
    """
    if all(each.context is None or not each.context.references for each in answered):
        return []
    return [
        msgspec.json.encode(named) if named else b""
        for each in answered
        for named in _named(each)
        if each.rows
    ]


def _context(answered: Sequence[Answered], records: Records) -> dict[str, object]:
    total = int(records.sum())
    if all(each.context is None for each in answered):
        return {
            "process": constant("", total),
            "channel": constant("", total),
            "feature_age_ms": pa.repeat(pa.scalar(None, pa.int64()), total),
            "reference_kinds": pa.repeat(pa.scalar(None, KINDS), total),
        }
    contexts = [each.context or _NO_CONTEXT for each in answered]
    as_of = np.array([each.features_at for each in contexts], np.int64)
    started = np.array([each.started for each in answered], np.int64)
    # Negative if the values are dated after their use.
    ages = np.repeat((started - as_of) // 1_000_000, records)
    return {
        "process": few([each.process for each in contexts], records),
        "channel": few([each.channel for each in contexts], records),
        "feature_age_ms": pa.array(ages, mask=np.repeat(as_of == 0, records)),
        "reference_kinds": _kinds_of(answered),
    }


def _kinds_of(answered: Sequence[Answered]) -> object:
    """Return the kinds of each record. Each distinct set is built once."""
    places: dict[tuple[str, ...], int] = {}
    indices = [
        places.setdefault(tuple(kinds), len(places)) for each in answered for kinds in _kinds(each)
    ]
    return pa.array([sorted(kinds) or None for kinds in places], KINDS).take(pa.array(indices))


def _named(answered: Answered) -> Sequence[Mapping[str, str]]:
    """Return the identifiers by kind for each row."""
    references = answered.context.references if answered.context is not None else None
    return references or [{}] * max(answered.rows, 1)


def _kinds(answered: Answered) -> Sequence[Collection[str]]:
    """Return the kinds for each record. A refused request has one record for all its rows."""
    named = _named(answered)
    return named if answered.rows else [set().union(*named)]


def _role(answered: Answered) -> str:
    if answered.shadow:
        return "shadow"
    return "canary" if answered.canary else "stable"


def _error(answered: Answered) -> str:
    """Return why the model gave no answer. Empty if it gave one."""
    if not answered.refusal:
        return ""
    if answered.refusal == OVERLOAD:
        return "overload"
    # The fallback of the policy gave a decision although the model gave no score.
    return "model" if answered.status == 200 else _ERRORS.get(answered.status, "request")
