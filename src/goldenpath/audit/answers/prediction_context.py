"""How one answer came about, in lines for people: for what, how near, over what, by which parts."""

from collections.abc import Iterator
from datetime import timedelta

from goldenpath.observe.log.log_reader import Prediction, Record

_PARTS = ("model", "decision_policy", "schema", "explainer")


def circumstances(prediction: Prediction) -> Iterator[str]:
    """What the record says beside the answer; what nobody said is UNKNOWN."""
    record = prediction.record
    yield f"  until      {record['t_end']}, {_clock(record)}"
    process, channel = record["process"], record["channel"]
    yield f"  used for   {process or 'UNKNOWN: the caller named no process'}"
    if channel:
        yield f"  channel    {channel}"
    yield f"  caller     {record['caller'] or 'UNKNOWN: nobody had to say who asks'}"
    yield f"  oversight  {_oversight(record)}"
    near = record["cutoff_distance"]
    if isinstance(near, float):
        yield f"  cut-off    {near:.6g} away from another outcome"
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
        return "by a clock that nobody was known to keep"
    return f"by a clock {offset / 1e6:.3g} ms off and right to {error / 1e6:.3g} ms"


def _oversight(record: Record) -> str:
    mode, by = record["oversight_mode"], record["oversight_by"]
    if not mode:
        return "UNKNOWN"
    return f"{mode}, {'as the caller said' if by == 'caller' else 'as the decision policy has it'}"


def _validity(record: Record) -> str:
    beyond, strange = record["out_of_range"], record["unseen"]
    said = f"{record['missing']} missing, "
    if isinstance(beyond, int) and isinstance(strange, int):
        said += f"{beyond} out of range, {strange - beyond} of an unseen category"
    else:
        said += f"{strange} that the reference never saw"
    age = record["feature_age_ms"]
    if isinstance(age, int):
        said += f", {timedelta(milliseconds=age)} old"
    return said


def _sources(prediction: Prediction) -> str:
    if prediction.references:
        return ", ".join(f"{kind} {name}" for kind, name in sorted(prediction.references.items()))
    kinds = prediction.record["reference_kinds"]
    if isinstance(kinds, list):
        return f"{', '.join(kinds)}; the identifiers are closed"
    return "none that the caller named"
