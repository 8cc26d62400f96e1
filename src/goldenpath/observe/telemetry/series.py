"""Metrics summed in arrays and exported as data points of the OpenTelemetry SDK.

To record each value through the SDK takes longer than a model takes to answer. Sums of arrays take
almost no time. All sums are cumulative since the observer started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from goldenpath.instruments import DESCRIPTIONS
from goldenpath.version import __version__

SCOPE = InstrumentationScope("goldenpath.observe", __version__)
Attributes = tuple[tuple[str, str | int], ...]
_CUMULATIVE = AggregationTemporality.CUMULATIVE


@dataclass(slots=True)
class Distribution:
    """A histogram: counts below the first bound, between the bounds, and above the last."""

    bounds: Sequence[float]
    counts: NDArray[np.int64]
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf
    exemplars: dict[int, Exemplar] = field(default_factory=dict)
    """The last sampled request in each bucket, by the number of the bucket."""

    def add(self, values: NDArray[np.float64], exemplars: Sequence[Exemplar]) -> None:
        """Add values, and the exemplars of some of them."""
        # OpenTelemetry's buckets hold values up to and with their upper bound.
        places = np.searchsorted(np.array(self.bounds), values, side="left")
        self.counts += np.bincount(places, minlength=len(self.counts))
        self.total += float(values.sum())
        self.low, self.high = min(self.low, values.min()), max(self.high, values.max())
        for exemplar in exemplars:
            place = np.searchsorted(np.array(self.bounds), exemplar.value, side="left")
            self.exemplars[int(place)] = exemplar


@dataclass(slots=True)
class Series:
    """The metrics of one resource."""

    resource: Resource
    started: int
    """Nanoseconds since 1970."""
    sums: dict[tuple[str, str, Attributes], int] = field(default_factory=dict)
    gauges: dict[tuple[str, str, Attributes], float] = field(default_factory=dict)
    histograms: dict[tuple[str, str, Attributes], Distribution] = field(default_factory=dict)

    def count(self, name: str, unit: str, number: int, attributes: Attributes = ()) -> None:
        """Add to a counter."""
        key = (name, unit, attributes)
        self.sums[key] = self.sums.get(key, 0) + number

    def gauge(self, name: str, unit: str, value: float, attributes: Attributes = ()) -> None:
        """Set a gauge."""
        self.gauges[name, unit, attributes] = value

    def record(
        self,
        name: str,
        unit: str,
        values: NDArray[np.float64],
        bounds: Sequence[float],
        *,
        attributes: Attributes = (),
        exemplars: Sequence[Exemplar] = (),
    ) -> None:
        """Add values to a histogram, without NaN and negative values."""
        values = values[values >= 0]
        if len(values):
            fresh = Distribution(bounds, np.zeros(len(bounds) + 1, np.int64))
            self.histograms.setdefault((name, unit, attributes), fresh).add(values, exemplars)

    def collect(self, now: int) -> ResourceMetrics:
        """Return all metrics with their current values."""
        points: dict[tuple[str, str], list[NumberDataPoint]] = {}
        for (name, unit, attributes), number in self.sums.items():
            point = NumberDataPoint(dict(attributes), self.started, now, number)
            points.setdefault((name, unit), []).append(point)
        levels: dict[tuple[str, str], list[NumberDataPoint]] = {}
        for (name, unit, attributes), value in self.gauges.items():
            point = NumberDataPoint(dict(attributes), self.started, now, value)
            levels.setdefault((name, unit), []).append(point)
        metrics = [
            *(_metric(key, Sum(found, _CUMULATIVE, True)) for key, found in points.items()),
            *(_metric(key, Gauge(found)) for key, found in levels.items()),
            *self._histograms(now),
        ]
        return ResourceMetrics(self.resource, [ScopeMetrics(SCOPE, metrics, "")], "")

    def _histograms(self, now: int) -> list[Metric]:
        points: dict[tuple[str, str], list[HistogramDataPoint]] = {}
        for (name, unit, attributes), distribution in self.histograms.items():
            point = HistogramDataPoint(
                attributes=dict(attributes),
                start_time_unix_nano=self.started,
                time_unix_nano=now,
                count=int(distribution.counts.sum()),
                sum=distribution.total,
                bucket_counts=distribution.counts.tolist(),
                explicit_bounds=list(distribution.bounds),
                min=float(distribution.low),
                max=float(distribution.high),
                exemplars=list(distribution.exemplars.values()),
            )
            points.setdefault((name, unit), []).append(point)
        return [_metric(key, Histogram(found, _CUMULATIVE)) for key, found in points.items()]


def _metric(key: tuple[str, str], data: Sum | Gauge | Histogram) -> Metric:
    name, unit = key
    return Metric(name, DESCRIPTIONS[name], unit, data)


def resource(attributes: Mapping[str, str]) -> Resource:
    """Return a resource with only these attributes, without those of the machine."""
    return Resource(dict(attributes))


def metrics_data(series: Sequence[Series], now: int) -> MetricsData:
    """Return all resources in the form that exporters take."""
    return MetricsData([each.collect(now) for each in series])
