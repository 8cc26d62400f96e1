"""The circumstances of one prediction, as lines of text.

They cover its purpose, caller, distance to the cut-off, input quality, sources and components.
"""

from collections.abc import Iterator
from datetime import timedelta

from goldenpath.observe.log.log_reader import Prediction, Record

_PARTS = ("model", "decision_policy", "schema", "explainer")


def circumstances(prediction: Prediction) -> Iterator[str]:
    """Return what the record holds besides the answer. A value that nobody gave is UNKNOWN."""
    record = prediction.record
    yield f"  until      {record['t_end']}, {_clock(record)}"
    process, channel = record["process"], record["channel"]
    yield f"  used for   {process or 'UNKNOWN: the caller named no process'}"
    if channel:
        yield f"  channel    {channel}"
    yield f"  caller     {record['caller'] or 'UNKNOWN: the caller was not authenticated'}"
    yield f"  oversight  {_oversight(record)}"
    distance = record["cutoff_distance"]
    if isinstance(distance, float):
        yield f"  cut-off    {distance:.6g} away from another outcome"
    if record["error_class"]:
        yield f"  error      {record['error_class']}: {record['refusal']}"
    yield f"  values     {_validity(record)}"
    yield f"  sources    {_sources(prediction)}"
    slot, role = record["traffic_slot"], record["traffic_role"]
    yield f"  slot       {slot}, {role or 'role not recorded'}"
    for part in _PARTS:
        if digest := record[f"{part}_digest"]:
            yield f"  {part.replace('_policy', ''):<10} {digest}"


def _clock(record: Record) -> str:
    error, offset = record["clock_error_ns"], record["clock_offset_ns"]
    if not isinstance(error, int) or not isinstance(offset, int):
        return "by a clock of unknown accuracy"
    return f"by a clock with offset {offset / 1e6:.3g} ms, accurate to {error / 1e6:.3g} ms"


def _oversight(record: Record) -> str:
    mode, by = record["oversight_mode"], record["oversight_by"]
    if not mode:
        return "UNKNOWN"
    return f"{mode}, {'set by the caller' if by == 'caller' else 'set by the decision policy'}"


def _validity(record: Record) -> str:
    outside, unseen = record["out_of_range"], record["unseen"]
    summary = f"{record['missing']} missing, "
    if isinstance(outside, int) and isinstance(unseen, int):
        summary += f"{outside} out of range, {unseen - outside} of an unseen category"
    else:
        summary += f"{unseen} that the reference data does not have"
    age = record["feature_age_ms"]
    if isinstance(age, int):
        summary += f", {timedelta(milliseconds=age)} old"
    return summary


def _sources(prediction: Prediction) -> str:
    if prediction.references:
        return ", ".join(f"{kind} {name}" for kind, name in sorted(prediction.references.items()))
    kinds = prediction.record["reference_kinds"]
    if isinstance(kinds, list):
        return f"{', '.join(map(str, kinds))}; the identifiers cannot be decrypted"
    return "none named by the caller"
