"""What each panel of the console asks, and with which template it is drawn.

A panel is a part of a page with an address of its own. Values from an address become words of a
command line, so each is checked by a pattern first: none can be an option.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from goldenpath.console.chosen_rows import (
    event_rows,
    finding_rows,
    live_rows,
    part_rows,
    releases_of,
    road_cards,
)
from goldenpath.console.lineage import lineage
from goldenpath.console.verb_answer import VerbAnswer
from goldenpath.errors import InvalidInput

Values = Mapping[str, str]
"""What the address names, checked: `model`, `stage`, `release`, `time` and the like."""

PATTERNS: Mapping[str, re.Pattern[str]] = {
    "model": re.compile(r"[a-z0-9][-a-z0-9]{0,62}"),
    "stage": re.compile(r"[a-z0-9][-a-z0-9]{0,62}"),
    "release": re.compile(r"sha256:[0-9a-f]{64}"),
    "before": re.compile(r"sha256:[0-9a-f]{64}"),
    "after": re.compile(r"sha256:[0-9a-f]{64}"),
    "time": re.compile(r"[0-9][-0-9:.TZ+ ]{0,39}|now"),
    "other": re.compile(r"[0-9][-0-9:.TZ+ ]{0,39}|now"),
    "prediction": re.compile(r"[0-9A-Za-z][-0-9A-Za-z]{0,127}"),
    "find": re.compile(r"[a-z0-9][-a-z0-9]{0,62}"),
    "in": re.compile(r"[a-z0-9][-a-z0-9]{0,62}"),
    "state": re.compile(r"[a-z]{1,20}"),
    "page": re.compile(r"[1-9][0-9]{0,3}"),
    "name": re.compile(r"[a-z][-a-z]{0,40}"),
    "part": re.compile(r"[0-9A-Za-z@][-0-9A-Za-z@/._:=+]{0,199}"),
}
"""The values that an address may have. Whatever else the verb demands, it checks itself."""


Choose = Callable[[Values, Mapping[str, VerbAnswer]], object]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    """Its key in the catalogue of texts."""
    template: str
    asks: Callable[[Values], Mapping[str, tuple[str, ...]]]
    """Returns the command lines by name; the first one is shown as the panel's command."""
    is_live: bool = True
    """Whether it is drawn again when something has changed."""
    is_kept: bool = True
    """Whether an answer is given again as long as nothing has changed."""
    choose: Choose | None = None
    """Chooses what of a long answer is shown; None: all of it."""


def checked(values: Mapping[str, str]) -> Values:
    """Return the values. Raises `InvalidInput` for one that is unknown or has a wrong form."""
    for name, value in values.items():
        pattern = PATTERNS.get(name)
        if pattern is None or not pattern.fullmatch(value):
            raise InvalidInput(
                f"{name}={value!r} in the address: expected {_expected(name)}",
                hint="go to it from another page",
            )
    return values


def _expected(name: str) -> str:
    if name in ("model", "stage"):
        return f"the name of a {name}"
    if name in ("release", "before", "after"):
        return "sha256: and 64 hexadecimal digits"
    return {"time": "a time", "other": "a time", "prediction": "a prediction id"}.get(
        name, "a value that this page knows"
    )


def _one(*words: str) -> Callable[[Values], Mapping[str, tuple[str, ...]]]:
    """Ask one verb; a word in braces is a value of the address."""
    return lambda values: {"answer": tuple(word.format(**values) for word in words)}


def _road(_: Values) -> Mapping[str, tuple[str, ...]]:
    return {"register": ("register",), "status": ("status",)}


def _lineage(values: Values) -> Mapping[str, tuple[str, ...]]:
    return {"inspect": ("inspect", "--no-files", values["release"]), "at": ("at", "now")}


def _releases(values: Values) -> Mapping[str, tuple[str, ...]]:
    values["model"]  # the events of all models are asked for, and those of this one shown
    return {"answer": ("events", "--kind", "release.")}


def _live(values: Values) -> Mapping[str, tuple[str, ...]]:
    return {"answer": ("at", values.get("time", "now"))}


def _moments(values: Values) -> Mapping[str, tuple[str, ...]]:
    return {"answer": ("at", values["time"], "--vs", values["other"])}


PANELS: Mapping[str, Panel] = {
    "road": Panel("models", "road.html", _road, choose=road_cards),
    "model": Panel("model", "model.html", _one("register", "--model", "{model}")),
    "findings": Panel("findings", "findings.html", _one("findings"), choose=finding_rows),
    "model-findings": Panel(
        "findings", "findings.html", _one("findings", "list", "{model}"), choose=finding_rows
    ),
    "why": Panel("why", "why.html", _one("why", "{model}", "--stage", "{stage}")),
    "status": Panel("rollout", "rollout.html", _one("status", "--output", "json")),
    "history": Panel("history", "history.html", _one("events")),
    "moments": Panel("moments", "moments.html", _one("events"), False),
    "health": Panel("health", "health.html", _one("health", "{model}", "--stage", "{stage}")),
    "inspect": Panel("content", "inspect.html", _one("inspect", "--no-files", "{release}"), False),
    "lineage": Panel("lineage", "lineage.html", _lineage, choose=lineage),
    "parts": Panel(
        "parts", "parts.html", _one("inspect", "--parts", "{release}"), False, choose=part_rows
    ),
    "releases": Panel("releases", "releases.html", _releases, choose=releases_of),
    "verify": Panel("verify", "verify.html", _one("verify", "{release}"), False, is_kept=False),
    "report": Panel("report", "report.html", _one("report", "{release}"), False),
    "diff": Panel("diff", "diff.html", _one("diff", "{before}", "{after}"), False),
    "at": Panel("at", "at.html", _live, False, choose=live_rows),
    "at-vs": Panel("at_vs", "at_vs.html", _moments, False),
    "events": Panel("events", "events.html", _one("events"), choose=event_rows),
    "trace": Panel("trace", "text.html", _one("trace", "{prediction}"), False, is_kept=False),
    "register": Panel("register", "text.html", _one("register")),
    "waivers": Panel("waivers", "text.html", _one("waivers")),
    "incidents": Panel("incidents", "text.html", _one("incident")),
    "oversight": Panel("oversight", "text.html", _one("oversight")),
    "inventory": Panel("inventory", "text.html", _one("inventory")),
    "sod": Panel("sod", "text.html", _one("sod")),
    "log": Panel("log", "text.html", _one("log", "check"), False, is_kept=False),
    "retention": Panel("retention", "text.html", _one("log", "retention"), False),
    "affected": Panel("affected", "text.html", _one("affected", "{part}"), False),
}
"""Every panel by its name in the address."""
