"""Pages and panels as HTML, from templates. Every value is escaped, and none steers a browser."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from goldenpath.console import drawings
from goldenpath.console.audit_questions import QUESTIONS
from goldenpath.console.chosen_rows import field
from goldenpath.console.page_texts import TEXTS
from goldenpath.console.pages import REGISTERS, Page, PlacedPanel
from goldenpath.console.panels import PANELS, Values
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.parsers.shown_text import shown_text

_TEMPLATES = Path(__file__).parent / "templates"
_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")


class Views:
    """The templates, compiled once."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "t": text,
            "drawings": drawings,
            "panels": PANELS,
            "registers": REGISTERS,
            "questions": QUESTIONS,
            "performance_text": interval_text,
        }
        self._templates.filters |= {
            "digest": _text_of_digest,
            "short": short,
            "moment": moment,
        }

    def page(self, page: Page) -> str:
        """Return a whole page; its panels are fetched by the browser."""
        return self._templates.get_template(page.template).render(page=page)

    def panel(
        self, name: str, values: Values, answers: Mapping[str, VerbAnswer], *, is_part: bool
    ) -> str:
        """Return a panel with its answers: a part of a page, or a page of its own."""
        panel = PANELS[name]
        return self._templates.get_template(f"panels/{panel.template}").render(
            name=name,
            panel=panel,
            placed=PlacedPanel(name, values),
            values=values,
            answers=answers,
            answer=next(iter(answers.values())),
            chosen=panel.choose(values, answers) if panel.choose is not None else None,
            frame="part.html" if is_part else "alone.html",
        )

    def fault(self, error: GoldenPathError) -> str:
        """Return the page of an address that has no answer."""
        return self._templates.get_template("fault.html").render(error=error)


def interval_text(value: object) -> str:
    """Return a number with its interval, if it has one."""
    number, low, high = (field(value, name, None) for name in ("value", "low", "high"))
    return (
        f"{number:.4f}"
        if low is None or high is None
        else f"{number:.4f} ({low:.4f} to {high:.4f})"
    )


def text(key: str, **values: object) -> str:
    """Return a text of the catalogue."""
    return TEXTS[key].format(**values)


def short(value: object) -> str:
    """Return a digest by its first digits, and anything else as it is."""
    found = _DIGEST.fullmatch(_text_of_digest(value))
    return f"sha256:{found[1]}" if found else _text_of_digest(value)


def moment(value: object) -> str:
    """Return a time to the second, in UTC as it is stored."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value)[:19].replace("T", " ")


def _text_of_digest(value: object) -> str:
    return value.text if isinstance(value, Digest) else str(value)


def _shown(value: object) -> object:
    return shown_text(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
