"""Plots over time: alarms of the monitor by column, and the traffic of a release by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.report.plots.drawing import WIDTH, Drawing, Kind, Point, ReportPlot, fitted
from goldenpath.audit.report.plots.plot_scales import TimeScale, time_scale

_NAMES, _RIGHT = 132.0, WIDTH - 12.0
_ROW, _BAND = 26.0, 58.0
MOST_ALARMS = 24
"""Alarms in the plot: the last ones. The table has all of them."""


@dataclass(frozen=True, slots=True)
class AlarmSpan:
    """One alarm: from the onset to its end, or to the end of the plot while it is open."""

    name: str
    since: datetime
    raised: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class ShareSteps:
    """The traffic of a release in one stage, in percent from each moment on."""

    intended: tuple[tuple[datetime, int], ...]
    observed: tuple[tuple[datetime, int], ...]


def drift_plot(alarms: Sequence[AlarmSpan], until: datetime) -> ReportPlot | None:
    """Return a row for each of the last alarms; None without any."""
    shown = list(alarms)[-MOST_ALARMS:]
    if not shown:
        return None
    moments = [m for a in shown for m in (a.since, a.raised, a.ended) if m is not None]
    if any(each.ended is None for each in shown):
        moments.append(until)
    scale = time_scale(moments, _NAMES, _RIGHT)
    bottom = len(shown) * _ROW + 6
    drawing = Drawing()
    _time_axis(drawing, scale, bottom)
    for row, alarm in enumerate(shown):
        y = row * _ROW + 16
        drawing.text(fitted(alarm.name, _NAMES - 12), (8, y + 4))
        begin, end = scale.place(alarm.since), scale.place(alarm.ended or until)
        drawing.bar("area", (begin, y - 6), (max(end - begin, 2.0), 12))
        kind: Kind = "alarm" if alarm.ended is None else "hollow"
        drawing.dot(kind, (scale.place(alarm.raised), y))
    legend = "bar: from the onset to the end; dot: the alarm, red while it is open"
    drawing.text(legend, (8, bottom + 48), kind="faint")
    words = "; ".join(_alarm_words(each) for each in shown)
    return drawing.done("Drift alarms over time", words, bottom + 56)


def _alarm_words(alarm: AlarmSpan) -> str:
    ended = "open" if alarm.ended is None else f"ended {_moment(alarm.ended)}"
    return f"{alarm.name}: since {_moment(alarm.since)}, alarm {_moment(alarm.raised)}, {ended}"


def rollout_plot(stages: Mapping[str, ShareSteps], until: datetime) -> ReportPlot | None:
    """Return a band for each stage that the release was in; None if it was in none.

    The plot ends soon after the last change: nothing changed between that and `until`.
    """
    moments = [m for s in stages.values() for m, _ in (*s.intended, *s.observed)]
    if not moments:
        return None
    last = max(moments)
    room = max((last - min(moments)) / 6, (until - last) / 50)
    end = min(until, last + room)
    scale = time_scale([*moments, end], _NAMES, _RIGHT)
    bottom = len(stages) * _BAND + 4
    drawing = Drawing()
    _time_axis(drawing, scale, bottom)
    for row, (stage, steps) in enumerate(stages.items()):
        floor = (row + 1) * _BAND - 6
        drawing.text(fitted(stage, _NAMES - 50), (8, floor - 14))
        drawing.text("100 %", (_NAMES - 6, floor - 32), anchor="end", kind="faint")
        drawing.text("0 %", (_NAMES - 6, floor + 4), anchor="end", kind="faint")
        drawing.line("grid", (_NAMES, floor), (_RIGHT, floor))
        intended = _stairs(steps.intended, scale, floor, end=end)
        if intended:
            drawing.path("area", [(intended[0][0], floor), *intended, (intended[-1][0], floor)])
        if steps.observed:
            drawing.path("mark", _stairs(steps.observed, scale, floor, end=end))
    legend = "area: share in git; line: share in the route that was observed"
    drawing.text(legend, (8, bottom + 48), kind="faint")
    words = f"unchanged from {_moment(last)} until {_moment(until)}. " + "; ".join(
        _steps_words(stage, steps) for stage, steps in stages.items()
    )
    return drawing.done("Traffic of this release over time, by stage", words, bottom + 56)


def _stairs(
    steps: Sequence[tuple[datetime, int]], scale: TimeScale, floor: float, *, end: datetime
) -> list[Point]:
    points: list[Point] = []
    for moment, percent in steps:
        x, y = scale.place(moment), floor - percent * 0.36
        if points:
            points.append((x, points[-1][1]))
        points.append((x, y))
    if points:
        points.append((scale.place(end), points[-1][1]))
    return points


def _steps_words(stage: str, steps: ShareSteps) -> str:
    intended = ", ".join(f"{percent} % from {_moment(at)}" for at, percent in steps.intended)
    observed = ", ".join(f"{percent} % from {_moment(at)}" for at, percent in steps.observed)
    return f"{stage}: in git {intended or 'never'}; observed {observed or 'never'}"


def _time_axis(drawing: Drawing, scale: TimeScale, bottom: float) -> None:
    for moment, label in scale.ticks(3):
        x = scale.place(moment)
        drawing.line("grid", (x, 2), (x, bottom))
        drawing.text(label, (x, bottom + 15), anchor="middle", kind="faint")
    middle = (scale.begin + scale.end) / 2
    drawing.text(scale.words, (middle, bottom + 31), anchor="middle", kind="faint")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
