"""Plots: places follow the values, words name every number, the same facts give the same bytes."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from goldenpath.audit.report.evidence_bundle import CalibrationBin
from goldenpath.audit.report.plots.calibration_plot import calibration_plot
from goldenpath.audit.report.plots.drawing import PAPER_STYLE, ReportPlot, number
from goldenpath.audit.report.plots.metric_plots import PlottedLimit, group_plots, metric_plot
from goldenpath.audit.report.plots.plot_scales import TimeScale, linear_scale, time_scale
from goldenpath.audit.report.plots.time_plots import (
    AlarmSpan,
    ShareSteps,
    drift_plot,
    rollout_plot,
)
from goldenpath.train.training_run import Metric

START = datetime(2026, 11, 29, 10, 0, tzinfo=UTC)
_SVG = "{http://www.w3.org/2000/svg}"


def tree(plot: ReportPlot | None) -> ElementTree.Element:
    assert plot is not None
    return ElementTree.fromstring(plot.svg("one", PAPER_STYLE))  # noqa: S314, our own text


def dots(plot: ReportPlot | None) -> list[tuple[float, float]]:
    found = tree(plot).iter(f"{_SVG}circle")
    return [(float(each.get("cx", "")), float(each.get("cy", ""))) for each in found]


def words(plot: ReportPlot | None) -> str:
    return " ".join(each.text or "" for each in tree(plot).iter(f"{_SVG}text"))


def test_a_metric_stands_inside_its_interval_and_beside_its_limit() -> None:
    metric = Metric("roc_auc", 0.9, 0.88, 0.93, 6000)

    plot = metric_plot([metric], {"roc_auc": PlottedLimit(minimum=0.85)}, {})

    area = next(each for each in tree(plot).iter(f"{_SVG}rect"))
    limit = next(each for each in tree(plot).iter(f"{_SVG}line") if each.get("class") == "limit")
    left, width = float(area.get("x", "")), float(area.get("width", ""))
    ((middle, _),) = dots(plot)
    assert float(limit.get("x1", "")) < left < middle < left + width
    # The value stands at two fifths of the interval.
    assert (middle - left) / width == pytest.approx(0.4, abs=0.001)
    assert plot is not None and "demanded at least 0.85" in plot.description


def test_a_metric_without_interval_says_so_and_a_unit_is_named() -> None:
    plot = metric_plot([Metric("bias", 3.0, None, None, 12)], {}, {"bias": "CHF"})

    assert "bias in CHF" in words(plot) and "no interval" in words(plot)


def test_groups_share_an_axis_and_too_few_rows_infer_nothing() -> None:
    metrics = [
        Metric("roc_auc", 0.9, 0.88, 0.93, 6000),
        Metric("roc_auc", 0.8, 0.7, 0.9, 300, "sex=1"),
        Metric("roc_auc", 0.5, 0.4, 0.6, 29, "sex=2"),
    ]

    (plot,) = group_plots(metrics, 30)

    assert len(dots(plot)) == 1
    assert "not inferable" in words(plot) and "n=29" in words(plot)
    assert "0.5" not in plot.description, "the value of a group that is too small is not said"


def test_perfect_calibration_lies_on_the_diagonal() -> None:
    bins = [CalibrationBin(n / 4, n / 4, n / 4 - 0.1, n / 4 + 0.1, 50) for n in range(1, 4)]

    plot = calibration_plot(bins, "predicted probability", "share that came")

    diagonal = next(e for e in tree(plot).iter(f"{_SVG}line") if e.get("class") == "limit")
    x1, y1, x2, y2 = (float(diagonal.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    for x, y in dots(plot):
        assert y == pytest.approx(y1 + (x - x1) * (y2 - y1) / (x2 - x1), abs=0.02)
    assert "predicted probability" in words(plot) and "share that came" in words(plot)


def test_nothing_gives_no_plot() -> None:
    assert metric_plot([], {}, {}) is None
    assert calibration_plot([], "", "") is None
    assert drift_plot([], START) is None
    assert rollout_plot({}, START) is None
    assert list(group_plots([Metric("a", 1.0, None, None, 5, "x=1")], 30)) == []


def test_an_open_alarm_reaches_the_end_and_a_closed_one_does_not() -> None:
    hour = timedelta(hours=1)
    closed = AlarmSpan("age", START, START + hour, START + 2 * hour)
    still = AlarmSpan("sex", START, START + hour, None)

    plot = drift_plot([closed, still], START + 10 * hour)

    first, second = (float(e.get("width", "")) for e in tree(plot).iter(f"{_SVG}rect"))
    assert second == pytest.approx(5 * first, rel=0.01)
    kinds = [each.get("class") for each in tree(plot).iter(f"{_SVG}circle")]
    assert kinds == ["hollow", "alarm"]


def test_the_rollout_shows_git_and_the_observed_route() -> None:
    minute = timedelta(minutes=1)
    steps = ShareSteps(
        ((START, 10), (START + minute, 100)), ((START, 10), (START + 2 * minute, 100))
    )

    plot = rollout_plot({"prod": steps}, START + timedelta(days=90))

    assert plot is not None
    assert "in git 10 % from 2026-11-29T10:00:00Z" in plot.description
    assert "unchanged from 2026-11-29T10:02:00Z until 2027-02-27T10:00:00Z" in plot.description
    assert "prod" in words(plot)


def test_hostile_names_stay_text() -> None:
    metric = Metric("roc_auc", 0.8, 0.7, 0.9, 300, "<script>=1")

    (plot,) = group_plots([metric], 30)

    assert "<script" not in plot.svg("one")
    tree(plot)


def test_the_same_facts_give_the_same_bytes_and_every_plot_has_title_and_words() -> None:
    def drawn() -> str:
        plot = metric_plot([Metric("brier", 0.05, 0.04, 0.06, 100)], {}, {})
        assert plot is not None
        return plot.svg("one")

    assert drawn() == drawn()
    assert "<title id=" in drawn() and "<desc id=" in drawn() and 'role="img"' in drawn()
    assert re.search(r"\d\.\d{3,}", re.sub(r"<(title|desc|text).*?</\1>", "", drawn())) is None


@pytest.mark.parametrize(("value", "text"), [(-0.001, "0"), (1.0, "1"), (2.345, "2.35")])
def test_coordinates_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0], [-1e-9, 1e-9], [1e9, 2e9], [0.1, 0.9]])
def test_a_scale_has_room_and_round_ticks_inside(values: list[float]) -> None:
    scale = linear_scale(values, 0.0, 100.0)

    assert all(0 < scale.place(each) < 100 for each in values)
    assert 1 <= len(scale.ticks()) <= 6
    assert all(-1e-6 <= scale.place(each) <= 100 + 1e-6 for each in scale.ticks())


@pytest.mark.parametrize("span", [0, 1, 90, 4000, 90_000, 9_000_000, 900_000_000])
def test_a_time_axis_has_a_few_round_moments_for_every_span(span: int) -> None:
    scale: TimeScale = time_scale([START, START + timedelta(seconds=span)], 0.0, 100.0)

    assert len(list(scale.ticks())) <= 12
    assert "UTC" in scale.words
