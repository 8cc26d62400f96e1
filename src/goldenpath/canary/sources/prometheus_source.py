"""Prometheus as a source of the canary judge: the growth of goldenpath's counters in one step.

The judge needs counts, and `rate()` and `increase()` extrapolate. So the raw samples are read hour
by hour and added up here. A counter that falls was restarted at 0. A series that appears during the
step began at 0. What a replica counted after its last scrape is lost, for both releases alike.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath import instruments as names
from goldenpath.canary.arms import Arm
from goldenpath.digest import Digest
from goldenpath.errors import Unavailable
from goldenpath.http.json_client import Rest
from goldenpath.observe.telemetry.exposition import metric_name
from goldenpath.project.task.answer_rules import DECISIONS

_BEFORE = timedelta(minutes=5)
"""How far back Prometheus itself looks for the last sample."""
_PIECE = timedelta(hours=1)
_REQUESTS = f"{metric_name(names.REQUEST_DURATION, 's')}_bucket"
_SCORES = f"{metric_name(names.PREDICTION_SCORE, '1')}_bucket"
_OUTCOMES = f"{metric_name(names.PREDICTION_OUTCOME, '{prediction}')}_total"
_SLICES = f"{metric_name(names.SLICE_OUTCOME, '{prediction}')}_total"
_RELEASE, _STAGE, _MODEL, _REPLICA, _STATUS, _OUTCOME, _ROUTE, _FEATURE, _LABEL = (
    name.replace(".", "_")
    for name in (
        names.MANIFEST_DIGEST, names.ENVIRONMENT, names.SERVICE_NAME, names.SERVICE_INSTANCE,
        names.STATUS_CODE, names.OUTCOME, names.ROUTE, names.FEATURE_NAME, names.SLICE_LABEL,
    )
)  # fmt: skip
_OWN = ("__name__", _RELEASE, _REPLICA, _STATUS, _OUTCOME, _ROUTE, _FEATURE, _LABEL, "le")
"""Labels of goldenpath's own; other labels come from the scraper."""


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []


class _Data(msgspec.Struct):
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: Literal["success"]
    data: _Data
    warnings: list[str] = []


class _Growth:
    """The growth of one counter since a time."""

    def __init__(self, since: float) -> None:
        self._since = since
        self._time = self._last = 0.0
        self.total = 0.0

    def add(self, time: float, value: float) -> None:
        """Add the next sample; one that was added already is ignored."""
        if time <= self._time:
            return
        if time > self._since:
            self.total += value - self._last if value >= self._last else value
        self._time, self._last = time, value


class Prometheus:
    """The HTTP interface of one Prometheus, or of a compatible server."""

    def __init__(self, address: str, token: str = "", ca_file: Path | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._rest = Rest(address, "Prometheus", headers, ca_file)

    def arms(
        self,
        stage: str,
        model: str,
        releases: Sequence[Digest],
        since: datetime,
        *,
        until: datetime,
    ) -> tuple[Arm, ...]:
        """Return the counts of each release between two times.

        Raises `Unavailable` or `InvalidInput` if they are not known.
        """
        for moment in (since, until):
            self._require_scraping(moment)
        digests = "|".join(each.text for each in releases)
        where = (
            f'{{__name__=~"{_REQUESTS}|{_SCORES}|{_OUTCOMES}|{_SLICES}",{_STAGE}="{_quoted(stage)}",'
            f'{_MODEL}="{_quoted(model)}",{_RELEASE}=~"{digests}"}}'
        )
        grown = self._grown(where, since, until)
        return tuple(_arm(grown, each) for each in releases)

    def _require_scraping(self, moment: datetime) -> None:
        """Raise `Unavailable` if nothing was scraped then: harm could have been missed."""
        if not self._ask('count({__name__=~"up|target_info"})', moment):
            when = moment.isoformat(timespec="seconds")
            raise Unavailable(
                f"Prometheus at {self._rest.base} scraped nothing in the 5 minutes before {when}",
                hint="let it scrape, and keep its samples for at least as long as a step",
            )

    def _grown(self, where: str, since: datetime, until: datetime) -> Mapping[frozenset[str], int]:
        """Return the growth of each series, by its labels, written `name=value`."""
        begin = since.timestamp()
        growths: dict[tuple[tuple[str, str], ...], _Growth] = {}
        end = since - _BEFORE
        while end < until:
            length = min(_PIECE, until - end)
            end += length
            for series in self._ask(f"{where}[{math.ceil(length.total_seconds())}s]", end):
                key = tuple(sorted(series.metric.items()))
                growth = growths.setdefault(key, _Growth(begin))
                for time, value in _samples(series):
                    growth.add(time, value)
        grown: dict[frozenset[str], int] = defaultdict(int)
        for labels, growth in growths.items():
            own = frozenset(f"{name}={value}" for name, value in labels if name in _OWN)
            # Two scrapers of one replica see the same answers, so the larger growth is taken.
            grown[own] = max(grown[own], round(growth.total))
        return grown

    def _ask(self, query: str, moment: datetime) -> list[_Series]:
        path = "/api/v1/query"
        value = self._rest.get(path, query=query, time=f"{moment.timestamp():.3f}", timeout="15s")
        try:
            answer = msgspec.convert(value, _Answer)
        except msgspec.ValidationError as error:
            raise Unavailable(
                f"Prometheus at {self._rest.base} gave an answer of an unknown form: {error}"
            ) from error
        if answer.warnings:
            warning = answer.warnings[0][:200]
            raise Unavailable(f"Prometheus at {self._rest.base} gave a partial answer: {warning}")
        return answer.data.result


def _samples(series: _Series) -> Iterator[tuple[float, float]]:
    for time, text in series.values:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise Unavailable(f"Prometheus has a counter at {text[:40]!r}: expected 0 or more")
        yield time, value


def _arm(grown: Mapping[frozenset[str], int], release: Digest) -> Arm:
    requests, failed, refused = 0, 0, 0
    within: dict[float, int] = defaultdict(int)
    scored: dict[float, int] = defaultdict(int)
    outcomes = dict.fromkeys(DECISIONS, 0)
    sliced: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(DECISIONS, 0))
    for labels, number in grown.items():
        values = dict(label.split("=", 1) for label in labels)
        if values.get(_RELEASE) != release.text:
            continue
        name, bound = values.get("__name__"), _bound(values.get("le", "+Inf"))
        outcome = values.get(_OUTCOME, "")
        if name == _OUTCOMES:
            outcomes[outcome] = outcomes.get(outcome, 0) + number
        elif name == _SLICES:
            counts = sliced[f"{values.get(_FEATURE)} = {values.get(_LABEL)}"]
            counts[outcome] = counts.get(outcome, 0) + number
        elif name == _SCORES:
            scored[bound] += number
        else:
            within[bound] += number
            if bound == math.inf:
                requests += number
                failed += number if values.get(_STATUS, "") >= "500" else 0
                refused += number if "400" <= values.get(_STATUS, "") < "500" else 0
    slower = {bound: requests - count for bound, count in within.items() if bound < math.inf}
    if any(count < 0 for count in slower.values()):
        raise Unavailable(
            f"the durations of {release.short} in Prometheus contradict each other: a bucket has "
            "more requests than there are"
        )
    parts = {
        f"{outcome} where {part}": (hits, sum(counts.values()))
        for part, counts in sliced.items()
        for outcome, hits in counts.items()
    }
    answers = {**_answers(outcomes, scored), **parts}
    return Arm(requests, failed, slower, answers, refused=refused)


def _bound(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Unavailable(f"Prometheus has a bucket up to {text[:40]!r}: not a number") from error


def _answers(
    outcomes: Mapping[str, int], scored: Mapping[float, int]
) -> Mapping[str, tuple[int, int]]:
    total, all_scored = sum(outcomes.values()), scored.get(math.inf, 0)
    answers = {f"outcome {name}": (hits, total) for name, hits in outcomes.items()} if total else {}
    points = {bound: hits for bound, hits in scored.items() if hits <= all_scored}
    for bound in sorted(set(points) - {math.inf}) if all_scored else ():
        answers[f"score below {bound:g}"] = (points[bound], all_scored)
    return answers


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
