"""Incidents and their clocks: what a person must report to whom, and until when.

The clocks run from the time at which the bank became aware. Whether a duty applies to an incident
is a judgement of people; the clock only says when it would be too late.
"""

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from goldenpath.errors import InvalidInput, did_you_mean

ReportingDuty = Literal[
    "ai-act-serious", "dora-initial", "dora-intermediate", "dora-final", "gdpr-breach"
]
IncidentAction = Literal["opened", "reported", "closed"]
LAW: Mapping[ReportingDuty, str] = {
    "ai-act-serious": "Regulation (EU) 2024/1689, Art. 73(2): 15 days",
    "dora-initial": "Regulation (EU) 2022/2554, Art. 19, with 2025/301: 4 hours after it was "
    "classified as major, at most 24 hours after awareness",
    "dora-intermediate": "Regulation (EU) 2022/2554, Art. 19, with 2025/301: 72 hours",
    "dora-final": "Regulation (EU) 2022/2554, Art. 19, with 2025/301: one month",
    "gdpr-breach": "Regulation (EU) 2016/679, Art. 33: 72 hours",
}
"""The law of each duty and its time, as rows of the map from law to evidence."""
_INITIAL, _LATEST_INITIAL = timedelta(hours=4), timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IncidentClock:
    """One duty to report, with its end and what was done about it."""

    duty: ReportingDuty
    law: str
    due: datetime
    state: Literal["running", "overdue", "reported", "reported late", "ended"]
    """`ended`: the incident was closed in time without this report."""
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """One signed step of an incident."""

    action: IncidentAction
    time: datetime
    by: str
    text: str
    """The title, the duty that was reported, or the reason of the closing."""
    fault: str = ""
    """Why it is not believed; empty if a listed person's signature holds."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident, from awareness to its end."""

    id: str
    title: str
    stage: str
    model: str
    finding: str
    """The finding that it began with; empty if none is named."""
    aware_at: datetime
    classified_at: datetime | None
    opened_by: str
    steps: tuple[IncidentStep, ...]
    clocks: tuple[IncidentClock, ...]
    corrective: tuple[str, ...]
    """What was done to the model since then, from the audit log: one line each."""
    fault: str = ""
    """Why its opening is not believed; empty if it is."""

    @property
    def closed(self) -> IncidentStep | None:
        """The step that closed it; None while it is open."""
        ends = (each for each in self.steps if each.action == "closed" and not each.fault)
        return next(ends, None)


def duty_of(text: str) -> ReportingDuty:
    """Return the duty of that name. Raises `InvalidInput` that lists them."""
    for duty in LAW:
        if duty == text:
            return duty
    raise InvalidInput(
        f"{text!r} is no duty to report: expected one of {', '.join(LAW)}",
        hint=did_you_mean(text, [*LAW]),
    )


def clocks(
    aware_at: datetime,
    classified_at: datetime | None,
    steps: Sequence[IncidentStep],
    moment: datetime,
) -> tuple[IncidentClock, ...]:
    """Return every clock of an incident as of `moment`. Steps that are not believed stop none."""
    believed = [each for each in steps if not each.fault and each.time <= moment]
    closed = next((each.time for each in believed if each.action == "closed"), None)
    reports = {each.text: each.time for each in reversed(believed) if each.action == "reported"}
    return tuple(
        _clock(duty, due, reports.get(duty), closed or moment, is_open=closed is None)
        for duty, due in _ends(aware_at, classified_at)
    )


def _clock(
    duty: ReportingDuty, due: datetime, reported: datetime | None, until: datetime, *, is_open: bool
) -> IncidentClock:
    if reported is not None:
        state: Literal["running", "overdue", "reported", "reported late", "ended"] = (
            "reported" if reported <= due else "reported late"
        )
    elif until > due:
        state = "overdue"
    else:
        state = "running" if is_open else "ended"
    return IncidentClock(duty, LAW[duty], due, state, reported)


def _ends(
    aware_at: datetime, classified_at: datetime | None
) -> Iterator[tuple[ReportingDuty, datetime]]:
    yield "ai-act-serious", aware_at + timedelta(days=15)
    # Without a time of classification the clock runs from awareness, which is the stricter reading.
    initial = aware_at if classified_at is None else classified_at
    yield "dora-initial", min(initial + _INITIAL, aware_at + _LATEST_INITIAL)
    yield "dora-intermediate", aware_at + timedelta(hours=72)
    yield "dora-final", month_after(aware_at)
    yield "gdpr-breach", aware_at + timedelta(hours=72)


def month_after(moment: datetime) -> datetime:
    """Return the same day and time of the next month, or its last day if that has fewer."""
    year, month = moment.year + moment.month // 12, moment.month % 12 + 1
    day = min(moment.day, monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)
