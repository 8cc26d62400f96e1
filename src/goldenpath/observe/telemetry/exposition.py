"""The metrics in the formats of Prometheus: text format 0.0.4, or OpenMetrics 1.0 with exemplars.

Names follow the conventions for OpenTelemetry metrics in Prometheus. Attributes of the resource are
labels of every sample. So a rule finds the same series here and behind an OpenTelemetry Collector
that converts resources to labels.

`prometheus_client` writes the same samples from metrics that were counted elsewhere, in as many
lines of code here, and takes three times as long: 31 and 40 ms of CPU for a page of 450 kB, against
12 (measured on a busy machine). So the tests use it to read these pages.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from opentelemetry.sdk.metrics import Exemplar

from goldenpath.instruments import DESCRIPTIONS
from goldenpath.observe.telemetry.series import Attributes, Distribution, Series

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_UNITS = {"s": "seconds", "By": "bytes"}


def exposition(series: Sequence[Series], *, openmetrics: bool) -> bytes:
    """Return the page of all metrics. Samples of one metric are adjacent, as required."""
    lines = [*_sums(series, openmetrics), *_gauges(series), *_histograms(series, openmetrics)]
    if openmetrics:
        lines.append("# EOF")
    return "".join(f"{line}\n" for line in lines).encode()


def metric_name(name: str, unit: str, *, is_gauge: bool = False) -> str:
    """Return the Prometheus name of a metric, without the suffix `_total` of counters.

    Units in braces are annotations and not part of the name.
    """
    suffix = _UNITS.get(unit, "ratio" if unit == "1" and is_gauge else "")
    stem = name.replace(".", "_")
    return f"{stem}_{suffix}" if suffix and not stem.endswith(suffix) else stem


def _sums(series: Sequence[Series], openmetrics: bool) -> Iterator[str]:
    for name, unit in _instruments(each.sums for each in series):
        family = metric_name(name, unit)
        yield from _header(name, family if openmetrics else f"{family}_total", "counter")
        for one in series:
            for (instrument, _, attributes), value in one.sums.items():
                if instrument == name:
                    yield f"{family}_total{_labels(one, attributes)} {value}"


def _gauges(series: Sequence[Series]) -> Iterator[str]:
    for name, unit in _instruments(each.gauges for each in series):
        family = metric_name(name, unit, is_gauge=True)
        yield from _header(name, family, "gauge")
        for one in series:
            for (instrument, _, attributes), value in one.gauges.items():
                if instrument == name:
                    yield f"{family}{_labels(one, attributes)} {_number(value)}"


def _histograms(series: Sequence[Series], openmetrics: bool) -> Iterator[str]:
    for name, unit in _instruments(each.histograms for each in series):
        family = metric_name(name, unit)
        yield from _header(name, family, "histogram")
        for one in series:
            for (instrument, _, attributes), values in one.histograms.items():
                if instrument == name:
                    yield from _histogram(family, one, attributes, values, openmetrics=openmetrics)


def _histogram(
    family: str, series: Series, attributes: Attributes, values: Distribution, *, openmetrics: bool
) -> Iterator[str]:
    bounds = [*(_number(bound) for bound in values.bounds), "+Inf"]
    totals = list(accumulate(values.counts.tolist()))
    for place, (bound, total) in enumerate(zip(bounds, totals, strict=True)):
        exemplar = values.exemplars.get(place) if openmetrics else None
        labels = _labels(series, (*attributes, ("le", bound)))
        yield f"{family}_bucket{labels} {total}{_exemplar(exemplar)}"
    labels = _labels(series, attributes)
    yield f"{family}_count{labels} {totals[-1]}"
    yield f"{family}_sum{labels} {_number(values.total)}"


def _exemplar(exemplar: Exemplar | None) -> str:
    if exemplar is None or exemplar.trace_id is None or exemplar.span_id is None:
        return ""
    where = f'trace_id="{exemplar.trace_id:032x}",span_id="{exemplar.span_id:016x}"'
    return f" # {{{where}}} {_number(exemplar.value)} {exemplar.time_unix_nano / 1e9:.3f}"


def _header(name: str, family: str, kind: str) -> Iterator[str]:
    yield f"# HELP {family} {_escaped(DESCRIPTIONS[name])}"
    yield f"# TYPE {family} {kind}"


def _instruments(
    series_keys: Iterable[Iterable[tuple[str, str, Attributes]]],
) -> list[tuple[str, str]]:
    """Return name and unit of each instrument once, sorted."""
    return sorted({(name, unit) for keys in series_keys for name, unit, _ in keys})


def _labels(series: Series, attributes: Attributes) -> str:
    where = [(name, str(value)) for name, value in series.resource.attributes.items()]
    pairs = [*where, *((name, str(value)) for name, value in attributes)]
    inside = ",".join(f'{name.replace(".", "_")}="{_escaped(value)}"' for name, value in pairs)
    return f"{{{inside}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(float(value))
