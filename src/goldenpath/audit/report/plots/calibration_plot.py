"""The plot of calibration: what the model said against what came true, in bins of equal size."""

from collections.abc import Sequence

from goldenpath.audit.report.evidence_bundle import CalibrationBin
from goldenpath.audit.report.plots.drawing import WIDTH, Drawing, ReportPlot
from goldenpath.audit.report.plots.plot_scales import linear_scale, tick_label

_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, WIDTH - 16.0, 10.0, 250.0


def calibration_plot(bins: Sequence[CalibrationBin], said: str, came: str) -> ReportPlot | None:
    """Return the plot; None without bins. `said` and `came` name the axes with their units."""
    if not bins:
        return None
    values = [v for b in bins for v in (b.predicted, b.observed, b.low, b.high) if v is not None]
    across = linear_scale(values, _LEFT, _RIGHT)
    up = linear_scale(values, _BOTTOM, _TOP)
    drawing = Drawing()
    for tick in across.ticks(5):
        x, y = across.place(tick), up.place(tick)
        drawing.line("grid", (x, _TOP), (x, _BOTTOM))
        drawing.line("grid", (_LEFT, y), (_RIGHT, y))
        drawing.text(tick_label(tick), (x, _BOTTOM + 16), anchor="middle", kind="faint")
        drawing.text(tick_label(tick), (_LEFT - 6, y + 4), anchor="end", kind="faint")
    drawing.line("limit", (_LEFT, _BOTTOM), (_RIGHT, _TOP))
    for each in bins:
        x, y = across.place(each.predicted), up.place(each.observed)
        if each.low is not None and each.high is not None:
            drawing.path("mark", [(x, up.place(each.low)), (x, up.place(each.high))])
        drawing.dot("mark", (x, y))
    drawing.text(said, ((_LEFT + _RIGHT) / 2, _BOTTOM + 34), anchor="middle", kind="faint")
    drawing.upright(came, (14, (_TOP + _BOTTOM) / 2))
    words = "; ".join(
        f"said {each.predicted:.4g}, came {each.observed:.4g} in {each.rows} rows" for each in bins
    )
    title = "Calibration on the evaluation rows, with 95 % intervals; dashed: as said"
    return drawing.done(title, words, _BOTTOM + 42)
