"""What the prediction log keeps, and until when, by the rules of the stages and by holds."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from goldenpath.home import Home
from goldenpath.observe.log.keeping.legal_hold import KeptByHolds
from goldenpath.observe.log.segment import parse_checkpoint
from goldenpath.observe.log.segments.stored_segments import StoredSegment, stored_segments
from goldenpath.observe.log.subject_keys import FILE, Subjects
from goldenpath.processes.observer_launch import Keep
from goldenpath.times import timestamp


@dataclass(frozen=True, slots=True)
class KeptClass:
    """One class of records in one stage."""

    stage: str
    what: str
    """`inputs` in days that have a key, or `records` in segments."""
    rule: int
    """Days for which they are kept; 0 without end."""
    count: int
    oldest: str
    """The day or the time of the oldest; empty if there is none."""
    ends: str
    """When the first of them ends by the rule; empty if none does."""
    ending: int
    """How many end up to the time that was asked about."""
    held: int
    """How many a hold keeps beyond their rule."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One day or segment: what it is called, when it ends, and whether a hold keeps it."""

    name: str
    ends: datetime | None
    is_held: bool


def kept_classes(
    home: Home, rules: tuple[Keep, ...], held: KeptByHolds, at: datetime
) -> Iterator[KeptClass]:
    """Yield what each stage keeps, and what of it ends up to `at`.

    Raises `VerificationError` or `InvalidInput` for a damaged checkpoint.
    """
    days = _days(home)
    for rule in rules:
        inputs = [_day(day, rule, held) for day in days if day[10:].strip() == rule.stage]
        yield _class(rule.stage, "inputs", rule.inputs, inputs, at=at)
        segments = stored_segments(home.predictions, rule.stage)
        records = [_segment(each, rule, held) for each in segments if each.has_table()]
        records.sort(key=lambda each: each.name)
        yield _class(rule.stage, "records", rule.records, records, at=at)


def _days(home: Home) -> list[str]:
    if not (home.keys / FILE).exists():
        return []
    subjects = Subjects.existing(home.keys)
    try:
        return subjects.days()
    finally:
        subjects.close()


def _day(day: str, rule: Keep, held: KeptByHolds) -> _Kept:
    begin = datetime.fromisoformat(day[:10]).replace(tzinfo=UTC)
    # The key goes when the whole day is older than the rule.
    ends = begin + timedelta(days=rule.inputs + 1) if rule.inputs else None
    return _Kept(day[:10], ends, day in held.days)


def _segment(segment: StoredSegment, rule: Keep, held: KeptByHolds) -> _Kept:
    last = parse_checkpoint(segment.checkpoint(), None).last_time
    ends = datetime.fromisoformat(last) + timedelta(days=rule.records) if rule.records else None
    return _Kept(last, ends, segment.relative in held.segments)


def _class(stage: str, what: str, rule: int, kept: list[_Kept], *, at: datetime) -> KeptClass:
    ends = [each.ends for each in kept if each.ends is not None and not each.is_held]
    return KeptClass(
        stage=stage,
        what=what,
        rule=rule,
        count=len(kept),
        oldest=kept[0].name if kept else "",
        ends=timestamp(min(ends)) if ends else "",
        ending=sum(end <= at for end in ends),
        held=sum(each.is_held for each in kept),
    )
