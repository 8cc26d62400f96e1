"""Small vector graphics of shares, evidence and counts. The style sheet has the colours."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT, _GAP = 480.0, 96.0, 1.0
_BAR = 10.0


def columns(title: str, answered: Sequence[float], refused: Sequence[float]) -> Markup:
    """Return columns of two counts on top of each other, from the oldest to the newest."""
    largest = max((a + r for a, r in zip(answered, refused, strict=True)), default=0.0) or 1.0
    step = _WIDTH / max(len(answered), 1)
    shapes: list[Markup] = []
    for place, (good, bad) in enumerate(zip(answered, refused, strict=True)):
        above = _HEIGHT
        for count, kind in ((good, "good"), (bad, "bad")):
            high = count / largest * _HEIGHT
            above -= high
            if count > 0:
                wide, tall = step - _GAP, max(high, 1.0)
                shapes.append(_rectangle(place * step, above, wide, tall, kind=kind))
    return _drawing(title, _WIDTH, _HEIGHT, shapes)


def bar(title: str, share: float, kind: str = "good") -> Markup:
    """Return a bar that is filled up to a share between 0 and 1."""
    filled = min(max(share, 0.0), 1.0) * 100
    shapes = [_rectangle(0, 0, 100, _BAR, kind="rest"), _rectangle(0, 0, filled, _BAR, kind=kind)]
    return _drawing(title, 100, _BAR, shapes)


def split(title: str, percents: Sequence[float]) -> Markup:
    """Return one bar of several shares in percent, side by side."""
    shapes, left = [_rectangle(0, 0, 100, _BAR, kind="rest")], 0.0
    for place, percent in enumerate(percents):
        shapes.append(_rectangle(left, 0, percent, _BAR, kind=f"slot{place % 4}"))
        left += percent
    return _drawing(title, 100, _BAR, shapes)


def interval(title: str, low: float, high: float, margin: float) -> Markup:
    """Return two rates between 0 and the largest, with the margin that may lie between them."""
    largest = max(low, high, margin, 1e-9) * 1.1
    shapes = [
        _rectangle(0, 0, 100, _BAR, kind="rest"),
        *_mark(low / largest * 100, "good"),
        *_mark(high / largest * 100, "bad" if high - low > margin else "slot1"),
    ]
    return _drawing(title, 100, _BAR, shapes)


def _mark(x: float, kind: str) -> Iterator[Markup]:
    yield _rectangle(max(x - 1, 0), 0, 2, _BAR, kind=kind)


def _rectangle(x: float, y: float, width: float, height: float, *, kind: str) -> Markup:
    numbers = (f"{max(each, 0.0):.1f}" for each in (x, y, width, height))
    shape = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>')
    return shape.format(kind, *numbers)


def _drawing(title: str, width: float, height: float, shapes: Sequence[Markup]) -> Markup:
    head = Markup('<svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">')
    box = head.format(f"{width:g}", f"{height:g}", title)
    return box + Markup().join(shapes) + Markup("</svg>")
