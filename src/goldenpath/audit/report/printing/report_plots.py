"""Which plots stand beside which facts, drawn from the bundle alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from goldenpath.audit.events.event import Event
from goldenpath.audit.report.describe import TOO_FEW, contract_of
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.plots.calibration_plot import calibration_plot
from goldenpath.audit.report.plots.drawing import ReportPlot
from goldenpath.audit.report.plots.metric_plots import PlottedLimit, group_plots, metric_plot
from goldenpath.audit.report.plots.time_plots import (
    AlarmSpan,
    ShareSteps,
    drift_plot,
    rollout_plot,
)
from goldenpath.audit.report.texts import document
from goldenpath.project.spec import Contract
from goldenpath.release.evidence.training_statements import metrics_of

_IN_UNITS = ("mean_absolute_error", "root_mean_squared_error", "bias")
"""Metrics in the unit of the value; the others have no unit."""


def plots_of(bundle: EvidenceBundle) -> Mapping[str, tuple[ReportPlot, ...]]:
    """Return the plots by the name of the facts that they belong to."""
    metrics = metrics_of(bundle.verified)
    contract = contract_of(bundle)
    until = datetime.fromisoformat(bundle.as_of)
    plots = {
        "metrics": (
            metric_plot(metrics, _limits(bundle), _units(contract)),
            calibration_plot(bundle.calibration, *_axes(contract)),
        ),
        "groups": tuple(group_plots(metrics, TOO_FEW)),
        "alarms": (drift_plot(tuple(_alarms(bundle, until)), until),),
        "intervals": (rollout_plot(_steps(bundle), until),),
    }
    return {
        name: tuple(each for each in drawn if each is not None) for name, drawn in plots.items()
    }


def _limits(bundle: EvidenceBundle) -> Mapping[str, PlottedLimit]:
    content = bundle.file("thresholds.yaml")
    listed = document(content).get("metrics") if content is not None else None
    limits = {}
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict):
            low, high = _number(each.get("minimum")), _number(each.get("maximum"))
            limits[str(each.get("metric", ""))] = PlottedLimit(low, high)
    return limits


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _units(contract: Contract | None) -> Mapping[str, str]:
    unit = contract.value.unit if contract is not None and contract.value is not None else ""
    return dict.fromkeys(_IN_UNITS, unit) if unit else {}


def _axes(contract: Contract | None) -> tuple[str, str]:
    if contract is not None and contract.value is not None:
        unit = contract.value.unit
        return f"mean answer in {unit}", f"mean outcome in {unit}"
    if contract is not None and contract.classes:
        return "probability of the likeliest class", "share of rows in that class"
    return "predicted probability", "share of outcomes that came"


def _alarms(bundle: EvidenceBundle, until: datetime) -> Iterator[AlarmSpan]:
    ends: dict[str, datetime] = {}
    for end in bundle.ends:
        moment = _moment(end.time)
        if not end.fault and moment is not None:
            ends.setdefault(end.finding, moment)
    for event in bundle.events:
        raised = _moment(event.time)
        if event.kind != "drift.alarm" or event.digest != bundle.digest.text or raised is None:
            continue
        details = event.details or {}
        ended = ends.get(str(details.get("finding", "")))
        since = _moment(str(details.get("since", ""))) or raised
        yield AlarmSpan(f"{_column(event)}, {event.stage}", min(since, raised), raised, ended)


def _column(event: Event) -> str:
    details = event.details or {}
    features = details.get("features")  # as 0.1 wrote it
    if isinstance(features, list):
        return ", ".join(map(str, features))
    return str(details.get("feature") or details.get("kind") or "drift")


def _steps(bundle: EvidenceBundle) -> Mapping[str, ShareSteps]:
    """Return the shares of the release by stage, as intended and as observed."""
    intended: dict[str, list[tuple[datetime, int]]] = {}
    observed: dict[str, list[tuple[datetime, int]]] = {}
    for intent in bundle.history:
        share = next((s.percent for s in intent.slots if s.digest == bundle.digest), 0)
        _add(intended.setdefault(intent.stage, []), intent.time, share)
    for event in bundle.events:
        moment = _moment(event.time)
        if moment is not None and event.kind == "route.changed" and event.model == bundle.model:
            _add(observed.setdefault(event.stage, []), moment, _routed(event, bundle.digest.text))
    stages = dict.fromkeys((*intended, *observed))
    steps = {s: ShareSteps(_trimmed(intended.get(s)), _trimmed(observed.get(s))) for s in stages}
    return {stage: each for stage, each in steps.items() if each.intended or each.observed}


def _add(steps: list[tuple[datetime, int]], moment: datetime, percent: int) -> None:
    if not steps or steps[-1][1] != percent:
        steps.append((moment, percent))


def _trimmed(steps: list[tuple[datetime, int]] | None) -> tuple[tuple[datetime, int], ...]:
    """Return the steps from the first share above 0 on; none if there is no such share."""
    first = next((place for place, step in enumerate(steps or []) if step[1]), None)
    return () if first is None or steps is None else tuple(steps[first:])


def _routed(event: Event, digest: str) -> int:
    slots = (event.details or {}).get("slots")
    for slot in slots if isinstance(slots, list) else []:
        if isinstance(slot, dict) and slot.get("digest") == digest:
            percent = slot.get("percent")
            return percent if isinstance(percent, int) else 0
    return 0


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
