"""A drawing of a few shapes as SVG: the only writer of SVG, for report, health page and console.

Colours are classes, so a page decides them for light and dark.

Every coordinate is written with at most two decimals, so the same values give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

WIDTH = 460.0
"""Width of every plot. Letters of 13 stay readable when a telephone shrinks it to 350 pixels."""
LETTER = 7.0
"""Width of a letter of a label, as an upper bound for nearly all texts."""

Kind = Literal[
    "axis",
    "grid",
    "mark",
    "other",
    "area",
    "limit",
    "alarm",
    "label",
    "faint",
    "hollow",
    "good",
    "bad",
    "rest",
    "slot0",
    "slot1",
    "slot2",
    "slot3",
]
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

PAPER_STYLE = (
    ".axis{stroke:#57606a;fill:none}.grid{stroke:#d8dee4;fill:none}.mark{stroke:#0a5cad;"
    "fill:#0a5cad}.other{stroke:#8a4b00;fill:none}.area{fill:#cfe3f7;stroke:none}"
    ".limit{stroke:#b42318;fill:none;stroke-dasharray:4 3}.alarm{stroke:#b42318;fill:#b42318}"
    ".hollow{stroke:#57606a;fill:none}text{font-size:13px;fill:#1f2328;stroke:none}"
    "text.faint{fill:#57606a;font-size:12px}"
)
"""Colours on white paper."""


@dataclass(frozen=True, slots=True)
class ReportPlot:
    """One plot with its words: whoever cannot see it reads the description."""

    title: str
    description: str
    height: float
    shapes: tuple[str, ...]

    def svg(self, name: str, style: str = "") -> str:
        """Return the SVG element. `name` is unique on its page; `style` is empty on a web page."""
        colours = f"<style>{style}</style>" if style else ""
        size = f"{number(WIDTH)} {number(self.height)}"
        # The words are told apart by an id, which has to be unique in the page.
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {size}" role="img" '
            f'width="{number(WIDTH)}" height="{number(self.height)}" '
            f'aria-labelledby="{name}-title {name}-words">'
            f'<title id="{name}-title">{escape(self.title)}</title>'
            f'<desc id="{name}-words">{escape(self.description)}</desc>'
            f"{colours}{''.join(self.shapes)}</svg>"
        )


@dataclass(slots=True)
class Drawing:
    """Collects shapes. The origin is at the top left, as in SVG."""

    shapes: list[str] = field(default_factory=list)

    def line(self, kind: Kind, begin: Point, end: Point) -> None:
        """Draw a straight line."""
        (x1, y1), (x2, y2) = begin, end
        self.shapes.append(
            f'<line class="{kind}" x1="{number(x1)}" y1="{number(y1)}" '
            f'x2="{number(x2)}" y2="{number(y2)}"/>'
        )

    def path(self, kind: Kind, points: Sequence[Point]) -> None:
        """Draw straight lines through the points; an area closes itself."""
        steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        shape = "polygon" if kind == "area" else "polyline"
        fill = "" if kind == "area" else ' fill="none"'
        self.shapes.append(f'<{shape} class="{kind}" points="{steps}"{fill} stroke-width="2"/>')

    def dot(self, kind: Kind, centre: Point, radius: float = 4) -> None:
        """Draw a dot."""
        x, y = centre
        self.shapes.append(
            f'<circle class="{kind}" cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"/>'
        )

    def bar(self, kind: Kind, corner: Point, size: Point) -> None:
        """Draw a rectangle from its upper left corner."""
        (x, y), (width, height) = corner, size
        self.shapes.append(
            f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" '
            f'width="{number(width)}" height="{number(height)}"/>'
        )

    def text(
        self, text: str, place: Point, *, anchor: Anchor = "start", kind: Kind = "label"
    ) -> None:
        """Write a text whose base line begins, has its middle or ends at the place."""
        x, y = place
        self.shapes.append(
            f'<text class="{kind}" x="{number(x)}" y="{number(y)}" '
            f'text-anchor="{anchor}">{escape(text)}</text>'
        )

    def upright(self, text: str, place: Point) -> None:
        """Write a text that reads from below to above, with its middle at the place."""
        x, y = number(place[0]), number(place[1])
        self.shapes.append(
            f'<text class="faint" x="{x}" y="{y}" text-anchor="middle" '
            f'transform="rotate(-90 {x} {y})">{escape(text)}</text>'
        )

    def chart(self, title: str, width: float, height: float) -> str:
        """Return a small chart without texts, which the page stretches to the size of its box."""
        return (
            f'<svg viewBox="0 0 {number(width)} {number(height)}" preserveAspectRatio="none" '
            f'role="img" aria-label="{escape(title)}">{"".join(self.shapes)}</svg>'
        )

    def done(self, title: str, description: str, height: float) -> ReportPlot:
        """Return the plot."""
        return ReportPlot(title, description, height, tuple(self.shapes))


def number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fitted(text: str, width: float) -> str:
    """Return a text that is cut with an ellipsis where it is wider than `width`."""
    letters = max(int(width / LETTER), 1)
    return text if len(text) <= letters else f"{text[: letters - 1]}…"
