"""The pages of the console: which panels each one has, and what each of them is about."""

from dataclasses import dataclass, field
from urllib.parse import urlencode

from goldenpath.console.panels import Values


@dataclass(frozen=True, slots=True)
class PlacedPanel:
    """A panel on a page, with the values it asks about."""

    name: str
    values: Values = field(default_factory=dict)
    needs_click: bool = False
    """Whether it costs much, so that a person asks for it."""

    @property
    def address(self) -> str:
        """Where the panel alone is found."""
        return f"/panels/{self.name}" + (f"?{urlencode(self.values)}" if self.values else "")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: a heading and its panels, from top to bottom."""

    key: str
    """Its texts in the catalogue, and its place in the navigation."""
    about: str = ""
    """What it is about: a model, a deployment, a release."""
    panels: tuple[PlacedPanel, ...] = ()
    template: str = "page.html"
    values: Values = field(default_factory=dict)


def road(values: Values) -> Page:
    """Return the page of all models in all stages."""
    panels = (PlacedPanel("road", values), PlacedPanel("findings"))
    return Page("road", panels=panels, template="road.html", values=values)


def model_page(values: Values, stages: tuple[str, ...]) -> Page:
    """Return the page of one model: where it is, and what keeps it out of each stage."""
    missing = tuple(
        PlacedPanel("why", {**values, "stage": stage}, needs_click=True) for stage in stages
    )
    names = ("model", "releases", "model-findings")
    panels = (*(PlacedPanel(name, values) for name in names), *missing)
    return Page("model", values["model"], panels, values=values)


def deployment_page(values: Values) -> Page:
    """Return the page of a model in a stage: split of the traffic, health, drift."""
    about = f"{values['stage']}/{values['model']}"
    panels = tuple(PlacedPanel(name, values) for name in ("status", "health", "history"))
    return Page("deployment", about, panels, values=values)


def release_page(values: Values) -> Page:
    """Return the page of a release: content, signatures, report."""
    panels = (
        PlacedPanel("verify", values, needs_click=True),
        PlacedPanel("lineage", values),
        PlacedPanel("inspect", values),
        PlacedPanel("report", values),
    )
    return Page("release", values["release"], panels, "release.html", values)


def parts_page(values: Values) -> Page:
    """Return the page of the whole bill of materials of a release."""
    return Page("parts", values["release"], (PlacedPanel("parts", values),), values=values)


def difference_page(values: Values) -> Page:
    """Return the page of what differs between two releases."""
    return Page("difference", panels=(PlacedPanel("diff", values),), values=values)


def time_page(values: Values) -> Page:
    """Return the page of a moment, or of the difference between two."""
    time = {"time": values.get("time", "now")}
    if "other" in values:
        panel = PlacedPanel("at-vs", {**time, "other": values["other"]})
    else:
        panel = PlacedPanel("at", {**values, **time})
    panels = (PlacedPanel("moments"), panel)
    return Page("time", panels=panels, template="time.html", values=values)


def prediction_page(values: Values) -> Page:
    """Return the page of one prediction."""
    return Page(
        "prediction", values["prediction"], (PlacedPanel("trace", values),), "prediction.html",
        values,
    )  # fmt: skip


def evidence_page() -> Page:
    """Return the page with the questions of an auditor."""
    return Page("evidence", template="evidence.html")


REGISTERS = (
    "register", "findings", "waivers", "incidents", "oversight", "inventory", "sod", "retention",
    "log", "events",
)  # fmt: skip
"""The panels that have a page of their own below `/registers`."""


def register_page(name: str, values: Values) -> Page:
    """Return the page of one register."""
    return Page("registers", name, (PlacedPanel(name, values),), "register.html", values)


def affected_page(values: Values) -> Page:
    """Return the page of the releases that contain a part."""
    return Page("affected", values["part"], (PlacedPanel("affected", values),), values=values)
