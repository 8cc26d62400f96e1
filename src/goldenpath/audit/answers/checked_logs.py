"""The one check of both logs: for the report, `at`, `trace` and `log check`.

The logs are compared with each other and with the heads that others hold. Everything that can still
be read is returned, so that damage hides nothing behind it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from goldenpath.audit.anchors.held_heads import NOT_HELD, HeldHeads, contradicted
from goldenpath.audit.answers.holds_on_record import HoldEvents, faults_of_holds
from goldenpath.audit.answers.predictions import sealed_by
from goldenpath.audit.events.chain import START, Break, Head
from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.events.log_state import LogStates, state_of
from goldenpath.canonical import JsonValue
from goldenpath.errors import GoldenPathError, NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor, LogReport, check_log
from goldenpath.observe.log.log_reader import log_public_key
from goldenpath.observe.log.segments.stored_segments import stored_segments


@dataclass(frozen=True, slots=True)
class CheckedLogs:
    """What both logs hold, and whether they are whole."""

    states: LogStates
    events: tuple[Event, ...]
    """The events about one model and the platform, or all. Those behind a break are there too."""
    head: Head
    """The head of the audit log at the time that was asked about."""
    predictions: LogReport | None
    """None if the prediction log was never begun, or if nothing of it can be checked."""


@dataclass(slots=True)
class _Walk:
    """One walk along the audit log."""

    events: list[Event] = field(default_factory=list)
    head: Head = START
    last: int = 0
    """The number of lines up to the last one that can be read."""
    breaks: list[str] = field(default_factory=list)
    segments: list[Anchor] = field(default_factory=list)
    digests: dict[int, str] = field(default_factory=dict)
    holds: HoldEvents = field(default_factory=HoldEvents)


def check_logs(
    home: Home,
    held: HeldHeads = NOT_HELD,
    *,
    until: datetime | None = None,
    model: str | None = None,
    remembers: bool = True,
) -> CheckedLogs:
    """Check both logs as a whole.

    Returned are the events up to `until` that are about `model`, about the platform or about no
    model; without `model`, all. A fault of any time counts. With `remembers`, packed files that
    were checked before and did not change are not read again.
    """
    walk = _walked(home, held, until=until, model=model)
    faults = (
        *walk.breaks,
        *contradicted(held.heads, walk.digests, walk.last),
        *held.faults,
        *([] if walk.last or walk.breaks else _remains(home)),
    )
    report, wrong = _predictions(home, (*walk.segments, *held.segments), held, remembers=remembers)
    wrong = (*wrong, *faults_of_holds(home, walk.holds))
    # As of a moment before its first line, a whole log was not begun: a report as of then is the
    # same whenever it is made. Faults count all the same.
    exists = bool(walk.breaks or (walk.last and (faults or walk.head != START or until is None)))
    return CheckedLogs(
        states=LogStates(
            state_of(faults, exists=exists, held=held.sentence(until) if exists else ""),
            state_of(wrong, exists=_has_begun(home, report, wrong, until)),
        ),
        events=tuple(walk.events),
        head=walk.head,
        predictions=report,
    )


def _walked(home: Home, held: HeldHeads, *, until: datetime | None, model: str | None) -> _Walk:
    walk, wanted = _Walk(), {each.events.count for each in held.heads}
    for line in EventLog(home.events).links():
        if isinstance(line, Break):
            walk.breaks.append(line.message)
            continue
        walk.last = max(walk.last, line.sequence + 1)
        if line.sequence + 1 in wanted:
            walk.digests[line.sequence + 1] = line.digest
        event = line.event
        if event.kind == "log.anchored":
            walk.segments += _segments(event, walk.breaks)
        walk.holds.add(event)
        if until is not None and _time(event, walk.breaks) > until:
            continue
        walk.head = line.head
        if model is None or event.model in ("", model) or event.kind.startswith("platform."):
            walk.events.append(event)
    return walk


def _time(event: Event, breaks: list[str]) -> datetime:
    """Return the time of an event. One without a readable time counts as of the beginning."""
    try:
        return datetime.fromisoformat(event.time)
    except ValueError:
        breaks.append(f"the audit log has an event with the time {event.time[:40]!r}")
        return datetime.fromisoformat("0001-01-01T00:00:00+00:00")


def _segments(event: Event, breaks: list[str]) -> Iterator[Anchor]:
    heads = (event.details or {}).get("heads")
    for head in heads if isinstance(heads, list) else ():
        anchor = parse_anchor(head)
        if anchor is None:
            breaks.append(f"the audit log names a segment wrongly at {event.time}")
        else:
            yield anchor


def parse_anchor(head: JsonValue) -> Anchor | None:
    """Return the segment that a record names; None if it names none."""
    match head:
        case {
            "stage": str(stage),
            "model": str(model),
            "replica": str(replica),
            "number": int(number),
            "digest": str(digest),
        }:
            return Anchor(stage, model, replica, number, digest)
    return None


def _remains(home: Home) -> Iterator[str]:
    """Return what shows that an audit log was here, although no line of it is left."""
    status = home.run / "status.json"
    if status.exists():
        yield f"the audit log is gone: {status.name} says that the platform ran here"
    finding = next(iter(sorted(home.findings.glob("*.json"))), None)
    if finding is not None:
        yield f"the audit log is gone: the monitor's finding {finding.stem} was an event of it"


def _has_begun(
    home: Home, report: LogReport | None, faults: tuple[str, ...], until: datetime | None
) -> bool:
    """Whether the prediction log has a segment, or had one at `until` if nothing is wrong."""
    if next(stored_segments(home.predictions), None) is None:
        return False
    if until is None or faults or report is None:
        return True
    return next(sealed_by(home, until), None) is not None


def _predictions(
    home: Home, anchors: tuple[Anchor, ...], held: HeldHeads, *, remembers: bool
) -> tuple[LogReport | None, tuple[str, ...]]:
    """Return the check of the prediction log, and its faults."""
    known = dict.fromkeys(anchors)
    try:
        report = check_log(home, known, remembers=remembers)
        key = log_public_key(home)
    except NotFound as error:
        segment = next(stored_segments(home.predictions), None)
        if segment is None and not known and not held.log_keys:
            return None, ()
        what = segment.name if segment is not None else "what other records name"
        return None, (f"{error.message}; without it {what} cannot be verified",)
    except GoldenPathError as error:
        return None, (f"the prediction log cannot be checked: {error.message}",)
    strange = held.log_keys and key not in held.log_keys
    listed = ("no commit of the branch anchors lists the key of the prediction log",)
    return report, (*report.faults, *(listed if strange else ()))


def require_whole(states: LogStates) -> None:
    """Raise `VerificationError` if a log is damaged or gone: the answer before it is not whole."""
    if states.faults:
        more = f", and {len(states.faults) - 1} more faults" if len(states.faults) > 1 else ""
        raise VerificationError(
            f"{states.faults[0]}{more}",
            hint="copy the home for an examination; goldenpath log check lists every fault",
        )
