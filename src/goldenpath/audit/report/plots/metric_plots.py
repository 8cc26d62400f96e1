"""Plots of metrics: one row each with its interval and limit, and one plot for each over groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.audit.report.plots.drawing import WIDTH, Drawing, ReportPlot, fitted
from goldenpath.audit.report.plots.plot_scales import LinearScale, linear_scale, tick_label
from goldenpath.train.training_run import Metric

_LEFT, _RIGHT = 12.0, WIDTH - 12.0
_ROW = 50.0
_NAMES = 150.0
"""Room for the names of groups."""
MOST_ROWS = 24
"""Groups that one plot has; the table below it has all of them."""
MOST_GROUP_PLOTS = 4


@dataclass(frozen=True, slots=True)
class PlottedLimit:
    """What the thresholds demand of a metric; None: nothing on that side."""

    minimum: float | None = None
    maximum: float | None = None

    @property
    def values(self) -> tuple[float, ...]:
        """The limits that are set."""
        return tuple(each for each in (self.minimum, self.maximum) if each is not None)

    @property
    def words(self) -> str:
        """The limits, in words."""
        low = "" if self.minimum is None else f"at least {self.minimum:g}"
        high = "" if self.maximum is None else f"at most {self.maximum:g}"
        return " and ".join(filter(None, (low, high)))


def metric_plot(
    metrics: Sequence[Metric], limits: Mapping[str, PlottedLimit], units: Mapping[str, str]
) -> ReportPlot | None:
    """Return one row for each metric, each on its own scale; None without metrics.

    `units` names the unit of a metric that has one.
    """
    shown = [each for each in metrics if not each.slice]
    if not shown:
        return None
    drawing = Drawing()
    for row, metric in enumerate(shown):
        limit = limits.get(metric.name, PlottedLimit())
        _metric_row(drawing, metric, limit, top=row * _ROW, unit=units.get(metric.name, ""))
    height = len(shown) * _ROW + 18
    legend = "dot: value; bar: 95 % interval; dashed: the limit that was committed"
    drawing.text(legend, (_LEFT, height - 4), kind="faint")
    words = "; ".join(_metric_words(each, limits.get(each.name)) for each in shown)
    return drawing.done("Metrics on the evaluation rows, with 95 % intervals", words, height)


def _metric_row(
    drawing: Drawing, metric: Metric, limit: PlottedLimit, *, top: float, unit: str
) -> None:
    interval = [each for each in (metric.low, metric.high) if each is not None]
    scale = linear_scale([metric.value, *interval, *limit.values], _LEFT + 6, _RIGHT - 6)
    middle = top + 26
    suffix = f" in {unit}" if unit else ""
    drawing.text(f"{metric.name}{suffix}", (_LEFT, top + 14))
    value = f"{metric.value:.4g}" if interval else f"{metric.value:.4g}, no interval"
    drawing.text(value, (_RIGHT, top + 14), anchor="end")
    _ruler(drawing, scale, middle, wanted=4)
    for each in limit.values:
        drawing.line("limit", (scale.place(each), middle - 9), (scale.place(each), middle + 5))
    _estimate(drawing, metric, scale, middle)


def _ruler(drawing: Drawing, scale: LinearScale, y: float, *, wanted: int) -> None:
    drawing.line("grid", (scale.begin, y), (scale.end, y))
    for tick in scale.ticks(wanted):
        drawing.line("grid", (scale.place(tick), y), (scale.place(tick), y + 5))
        drawing.text(tick_label(tick), (scale.place(tick), y + 17), anchor="middle", kind="faint")


def _estimate(drawing: Drawing, metric: Metric, scale: LinearScale, y: float) -> None:
    if metric.low is not None and metric.high is not None:
        low, high = scale.place(metric.low), scale.place(metric.high)
        drawing.bar("area", (low, y - 5), (max(high - low, 1.0), 10))
        drawing.line("mark", (low, y - 5), (low, y + 5))
        drawing.line("mark", (high, y - 5), (high, y + 5))
        drawing.dot("mark", (scale.place(metric.value), y))
    else:
        drawing.dot("hollow", (scale.place(metric.value), y))


def group_plots(metrics: Sequence[Metric], too_few: int) -> Iterator[ReportPlot]:
    """Yield a plot over the groups for each of the first metrics; `too_few` rows infer nothing."""
    names = list(dict.fromkeys(each.name for each in metrics if each.slice))
    for name in names[:MOST_GROUP_PLOTS]:
        groups = [each for each in metrics if each.name == name and each.slice]
        overall = next((each for each in metrics if each.name == name and not each.slice), None)
        if any(each.rows >= too_few for each in groups):
            yield _group_plot(groups, overall, too_few)


def _group_plot(groups: Sequence[Metric], overall: Metric | None, too_few: int) -> ReportPlot:
    shown = groups[:MOST_ROWS]
    known = [each for each in shown if each.rows >= too_few]
    values = [v for each in known for v in (each.value, each.low, each.high) if v is not None]
    values += [overall.value] if overall else []
    name = groups[0].name
    scale = linear_scale(values or [0.0, 1.0], _NAMES, _RIGHT - 62)
    drawing, row_height = Drawing(), 24.0
    bottom = len(shown) * row_height + 8
    for tick in scale.ticks(4):
        drawing.line("grid", (scale.place(tick), 4), (scale.place(tick), bottom))
        label = tick_label(tick)
        drawing.text(label, (scale.place(tick), bottom + 15), anchor="middle", kind="faint")
    if overall is not None:
        place = scale.place(overall.value)
        drawing.line("limit", (place, 4), (place, bottom))
    for row, group in enumerate(shown):
        y = row * row_height + 16
        drawing.text(fitted(group.slice, _NAMES - 16), (_LEFT, y + 4))
        drawing.text(f"n={group.rows}", (_RIGHT, y + 4), anchor="end", kind="faint")
        if group.rows >= too_few:
            _estimate(drawing, group, scale, y)
        else:
            drawing.text("not inferable", (_NAMES, y + 4), kind="faint")
    drawing.text(f"{name}; dashed: all rows", (_NAMES, bottom + 31), kind="faint")
    more = len(groups) - len(shown)
    words = "; ".join(_group_words(each, too_few) for each in shown)
    words += f"; {more} more groups stand in the table" if more else ""
    return drawing.done(f"{name} by group, with 95 % intervals", words, bottom + 38)


def _metric_words(metric: Metric, limit: PlottedLimit | None) -> str:
    demanded = f", demanded {limit.words}" if limit is not None and limit.words else ""
    return f"{metric.name} {metric.value:.4g}{_interval_words(metric)}{demanded}"


def _group_words(metric: Metric, too_few: int) -> str:
    if metric.rows < too_few:
        return f"{metric.slice}: not inferable from {metric.rows} rows"
    return f"{metric.slice}: {metric.value:.4g}{_interval_words(metric)}, {metric.rows} rows"


def _interval_words(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return ", no interval"
    return f", {metric.low:.4g} to {metric.high:.4g}"
