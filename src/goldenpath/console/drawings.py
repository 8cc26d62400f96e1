"""Small vector graphics of shares, evidence and counts. The style sheet has the colours."""

from collections.abc import Sequence

from markupsafe import Markup

from goldenpath.audit.report.plots.drawing import Drawing, Kind

_WIDTH, _HEIGHT, _GAP = 480.0, 96.0, 1.0
_BAR = 10.0
_SLOTS: tuple[Kind, ...] = ("slot0", "slot1", "slot2", "slot3")


def columns(title: str, answered: Sequence[float], refused: Sequence[float]) -> Markup:
    """Return columns of two counts on top of each other, from the oldest to the newest."""
    largest = max((a + r for a, r in zip(answered, refused, strict=True)), default=0.0) or 1.0
    drawing, step = Drawing(), _WIDTH / max(len(answered), 1)
    for place, (good, bad) in enumerate(zip(answered, refused, strict=True)):
        above = _HEIGHT
        kinds: tuple[tuple[float, Kind], ...] = ((good, "good"), (bad, "bad"))
        for count, kind in kinds:
            high = count / largest * _HEIGHT
            above -= high
            if count > 0:
                drawing.bar(kind, (place * step, above), (step - _GAP, max(high, 1.0)))
    return _markup(drawing, title, _WIDTH, _HEIGHT)


def bar(title: str, share: float, kind: Kind = "good") -> Markup:
    """Return a bar that is filled up to a share between 0 and 1."""
    drawing = _rest()
    drawing.bar(kind, (0, 0), (min(max(share, 0.0), 1.0) * 100, _BAR))
    return _markup(drawing, title, 100, _BAR)


def split(title: str, percents: Sequence[float]) -> Markup:
    """Return one bar of several shares in percent, side by side."""
    drawing, left = _rest(), 0.0
    for place, percent in enumerate(percents):
        drawing.bar(_SLOTS[place % 4], (left, 0), (max(percent, 0.0), _BAR))
        left += percent
    return _markup(drawing, title, 100, _BAR)


def interval(title: str, low: float, high: float, margin: float) -> Markup:
    """Return two rates between 0 and the largest, with the margin that may lie between them."""
    largest = max(low, high, low + margin, 1e-9) * 1.1
    drawing = _rest()
    drawing.bar("area", (low / largest * 100, 0), (max(margin, 0.0) / largest * 100, _BAR))
    marks: tuple[tuple[float, Kind], ...] = (
        (low, "good"),
        (high, "bad" if high - low > margin else "slot1"),
    )
    for rate, kind in marks:
        drawing.bar(kind, (max(rate / largest * 100 - 1, 0), 0), (2, _BAR))
    return _markup(drawing, title, 100, _BAR)


def shares(title: str, before: Sequence[float], now: Sequence[float]) -> Markup:
    """Return a pair of columns for each bin: the reference, and the rows of now beside it."""
    largest = max((*before, *now), default=0.0) or 1.0
    drawing, step = Drawing(), _WIDTH / max(len(before), 1)
    for place, pair in enumerate(zip(before, now, strict=True)):
        kinds: tuple[Kind, Kind] = ("rest", "slot1")
        for side, (share, kind) in enumerate(zip(pair, kinds, strict=True)):
            high = share / largest * _HEIGHT
            if share > 0:
                left = place * step + side * step * 0.42
                drawing.bar(kind, (left, _HEIGHT - high), (step * 0.42, max(high, 1.0)))
    return _markup(drawing, title, _WIDTH, _HEIGHT)


def _rest() -> Drawing:
    drawing = Drawing()
    drawing.bar("rest", (0, 0), (100, _BAR))
    return drawing


def _markup(drawing: Drawing, title: str, width: float, height: float) -> Markup:
    return Markup(drawing.chart(title, width, height))  # noqa: S704 - it escapes the title itself
