"""Ends by itself what a stage keeps no longer: keys of old inputs, and old records."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from goldenpath.canonical import JsonValue
from goldenpath.files import timestamp
from goldenpath.observe.log.erasure import expire_inputs
from goldenpath.observe.log.retention import expire_records
from goldenpath.processes.observer_launch import Keeping
from goldenpath.settings import Home

EVERY = timedelta(hours=1)


def end_what_is_old(
    home: Home, keeping: Keeping, now: datetime
) -> Iterator[Mapping[str, JsonValue]]:
    """What was ended, an event per stage and kind.

    Raises `VerificationError` at a segment that does not hold: nothing wrong is covered up.
    """
    for keep in keeping.stages:
        if keep.inputs:
            before = now - timedelta(days=keep.inputs)
            gone = expire_inputs(home, before.date(), keep.stage)
            yield from _event("inputs", keep.stage, before, gone)
    days = [keep.inputs for keep in keeping.stages]
    if days and all(days):
        # Keys of before stages had their own: kept as long as any stage keeps its own.
        before = now - timedelta(days=max(days))
        yield from _event("inputs", "", before, expire_inputs(home, before.date(), ""))
    for keep in keeping.stages:
        if keep.records and home.log_key.exists():
            before = now - timedelta(days=keep.records)
            gone = expire_records(home, before, now, keep.stage)
            yield from _event("records", keep.stage, before, gone)


def _event(
    what: str, stage: str, before: datetime, gone: list[str]
) -> Iterator[Mapping[str, JsonValue]]:
    if gone:
        yield {
            "event": "expired",
            "what": what,
            "stage": stage,
            "before": timestamp(before),
            "gone": [*gone],
            "reason": f"[stage.log] of platform.toml, {what}",
        }
