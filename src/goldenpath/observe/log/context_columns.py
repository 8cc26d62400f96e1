"""Columns of the log about how a prediction came about: for what, by which parts, by which clock.

What a release is, is looked up once; what callers said is mostly nothing. So most of these columns
are one value for a whole segment, which costs a file next to nothing.
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
"""How many records each request has: one a row, one for a refusal."""
Texts: TypeAlias = "pa.DictionaryArray[pa.lib.Int32Type, pa.lib.StringType]"
_MODES = {"refer": "human-in-loop"}
_ERRORS = {422: "input contract", 500: "model", 503: "unavailable"}
_SILENT = RequestContext()


def circumstances(
    header: SpoolHeader, answered: Sequence[Answered], records: Records, parts: Parts
) -> dict[str, object]:
    """The columns but those of oversight, one value a record."""
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
        **_said(answered, records),
    }


def oversight(answered: Sequence[Answered], records: Records, outcomes: Texts) -> dict[str, object]:
    """Whether a person looked at each decision: as the caller said, else as the policy means it.

    What the policy refers goes to a person; the rest is decided by the score alone.
    """
    names = [_MODES.get(str(each), "automatic") for each in outcomes.dictionary.to_pylist()]
    meant = pa.array(names, pa.string()).take(outcomes.indices)
    said = few([each.said.oversight if each.said else "" for each in answered], records)
    declared = said.cast(pa.string())
    by_policy = pc.if_else(meant.is_valid(), "policy", pa.scalar(None, pa.string()))
    by = pc.if_else(declared.is_valid(), "caller", by_policy)
    return {
        "oversight_mode": pc.coalesce(declared, meant).dictionary_encode(),
        "oversight_by": by.dictionary_encode(),
    }


def few(values: Sequence[str], records: Records, *, optional: bool = True) -> Texts:
    """A column of few different texts, one a request; an empty one is no value if `optional`."""
    distinct = sorted(set(values))
    if len(distinct) == 1 and (distinct[0] or optional):
        return constant(distinct[0], int(records.sum()))
    place = {value: i for i, value in enumerate(distinct)}
    codes = np.repeat(np.array([place[value] for value in values], np.int32), records)
    is_none = codes == (place.get("", -1) if optional else -1)
    known = pa.array(distinct, pa.string())
    return pa.DictionaryArray.from_arrays(codes, known, mask=is_none)


def constant(value: str, total: int) -> Texts:
    """A column of one text; of none if it is empty."""
    if not value:
        return pa.repeat(pa.scalar(None, FEW), total)
    return pa.DictionaryArray.from_arrays(np.zeros(total, np.int32), pa.array([value]))


def identifiers(answered: Sequence[Answered]) -> list[bytes]:
    """What is sealed behind the inputs of each prediction: identifiers of outside data, as JSON.

    Empty if nobody named any.
    """
    if all(each.said is None or not each.said.references for each in answered):
        return []
    return [
        msgspec.json.encode(named) if named else b""
        for each in answered
        for named in _named(each)
        if each.rows
    ]


def _said(answered: Sequence[Answered], records: Records) -> dict[str, object]:
    total = int(records.sum())
    if all(each.said is None for each in answered):
        return {
            "process": constant("", total),
            "channel": constant("", total),
            "feature_age_ms": pa.repeat(pa.scalar(None, pa.int64()), total),
            "reference_kinds": pa.repeat(pa.scalar(None, KINDS), total),
        }
    said = [each.said or _SILENT for each in answered]
    as_of = np.array([each.features_at for each in said], np.int64)
    started = np.array([each.started for each in answered], np.int64)
    # Below 0 if the values were dated ahead of their use.
    ages = np.repeat((started - as_of) // 1_000_000, records)
    return {
        "process": few([each.process for each in said], records),
        "channel": few([each.channel for each in said], records),
        "feature_age_ms": pa.array(ages, mask=np.repeat(as_of == 0, records)),
        "reference_kinds": _kinds_of(answered),
    }


def _kinds_of(answered: Sequence[Answered]) -> object:
    """The kinds of each record; there are few different sets of them, so each is made once."""
    places: dict[tuple[str, ...], int] = {}
    found = [
        places.setdefault(tuple(kinds), len(places)) for each in answered for kinds in _kinds(each)
    ]
    return pa.array([sorted(kinds) or None for kinds in places], KINDS).take(pa.array(found))


def _named(answered: Answered) -> Sequence[Mapping[str, str]]:
    """Identifiers by kind, a row each."""
    found = answered.said.references if answered.said is not None else None
    return found or [{}] * max(answered.rows, 1)


def _kinds(answered: Answered) -> Sequence[Collection[str]]:
    """The kinds, a record each: of a refused request all in one, and no identifier is kept."""
    named = _named(answered)
    return named if answered.rows else [set().union(*named)]


def _role(answered: Answered) -> str:
    if answered.shadow:
        return "shadow"
    return "canary" if answered.canary else "stable"


def _error(answered: Answered) -> str:
    """Why there is no answer of the model; empty if there is one."""
    if not answered.refusal:
        return ""
    if answered.refusal == OVERLOAD:
        return "overload"
    # With the fallback of the policy a decision was answered, though the model gave no score.
    return "model" if answered.status == 200 else _ERRORS.get(answered.status, "request")
