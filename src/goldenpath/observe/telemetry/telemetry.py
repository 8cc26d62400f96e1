"""OpenTelemetry from the records of answers: metrics, distributions, drift and sampled spans.

Telemetry has no personal data: no inputs, no subjects, no score of one prediction. Distributions of
features are counters over the bins of the signed profile. Histograms refuse negative values and
would need other bounds.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

import numpy as np
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk.trace import ReadableSpan

from goldenpath import instruments as names
from goldenpath.drift.counting import Counts
from goldenpath.drift.profile import Profile
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.observe.drift.outcomes import inside_of, points
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.refusal_reasons import refusal_reason
from goldenpath.observe.telemetry.exposition import exposition
from goldenpath.observe.telemetry.log_records import (
    Where,
    finding_log,
    logs_request,
    request_log,
    where_of,
)
from goldenpath.observe.telemetry.monitor_series import (
    FindingCounts,
    record_home,
    record_monitor,
    record_platform,
)
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.otlp_sender import OtlpSender
from goldenpath.observe.telemetry.series import (
    Attributes,
    Distribution,
    Series,
    metrics_data,
    resource,
)
from goldenpath.observe.telemetry.spans import exemplar, route, spans
from goldenpath.processes.channel_status import ChannelStatus
from goldenpath.project.slicing import slices
from goldenpath.serve.gateway.refusals import RefusedRequests
from goldenpath.serve.record.spool_format import Answered, SpoolHeader
from goldenpath.times import ElapsedTime

Key = tuple[str, str, str]
Verdicts = Callable[[], Iterable[tuple[Key, DriftVerdict, Profile, Counts]]]
_MOST_SERIES = 200
QUIET_SECONDS = 60.0
"""Seconds after which metrics are sent again though nothing has changed."""
_MOST_SPANS = 512
_MOST_LOGS = 1_000
"""Log records between two exports."""


class Telemetry:
    """The metrics and spans of all releases, exported every `seconds`."""

    def __init__(
        self,
        files: TelemetryFiles,
        sender: OtlpSender | None,
        facts: Callable[[str], Facts | None],
        *,
        started: datetime,
        seconds: float = 5.0,
        share: float = 0.01,
        bins: bool = True,
        findings: FindingCounts | None = None,
        channels: Callable[[], Sequence[ChannelStatus]] = tuple,
    ) -> None:
        """`bins` says whether each bin of each feature is a series. `channels` deliver alarms."""
        self._files = files
        self._sender = sender
        self._facts = facts
        self._started = _nanoseconds(started)
        self._seconds = seconds
        self._share = share
        self._elapsed = ElapsedTime()
        self._exported = self._elapsed.at(started)
        self._series: dict[tuple[str, ...], Series] = {}
        self._spans: list[ReadableSpan] = []
        self._is_changed = False
        self._bins = bins
        self._logs: dict[Where, list[LogRecord]] = {}
        self._findings = findings
        self._channels = channels
        self.is_stuck = False
        """Whether records cannot be sealed now; set by the observer."""
        self._lock = threading.Lock()
        """Held during reads and changes: another thread renders the metrics page."""

    def page(self, openmetrics: bool) -> bytes:
        """Return all metrics in a format of Prometheus."""
        with self._lock:
            return exposition(list(self._series.values()), openmetrics=openmetrics)

    def add(self, block: Block) -> None:
        """Add answers."""
        if not block.answered:
            return
        facts = self._facts(block.header.digest)
        with self._lock:
            self._is_changed = True
            series = self._replica(block.header)
            room = _MOST_SPANS - len(self._spans)
            all_spans = spans(block.header, block.answered, series.resource, self._share)
            sampled = list(islice(all_spans, room))
            self._spans += [span for _, span in sampled]
            self._log_requests(block, dict(sampled_by_id(sampled)))
            _record_requests(series, block, sampled)
            _record_predictions(series, block, facts, sampled)

    def alarm(self, finding: DriftFinding) -> None:
        """Log an alarm, or the end of one."""
        where = (
            (names.SERVICE_NAME, finding.model),
            (names.ENVIRONMENT, finding.stage),
            (names.MANIFEST_DIGEST, finding.release),
        )
        with self._lock:
            self._log(where, finding_log(finding))
            self._is_changed = True

    def _log_requests(self, block: Block, spans_by_id: Mapping[str, ReadableSpan]) -> None:
        """Log sampled requests and refused ones; nothing without a receiver."""
        if self._sender is None:
            return
        for item in block.answered:
            span = spans_by_id.get(item.prediction_id)
            if span is not None or item.refusal:
                path = route(block.header, item.endpoint)
                self._log(where_of(block.header), request_log(item, path, span))

    def _log(self, where: Where, record: LogRecord) -> None:
        """Keep a record until the next export. What is too much is left out and counted."""
        if sum(map(len, self._logs.values())) < _MOST_LOGS:
            self._logs.setdefault(where, []).append(record)
        elif self._sender is not None:
            self._sender.dropped += 1

    def sealed(self, checkpoint: Checkpoint) -> None:
        """Count the records of a sealed segment, and those known to be lost."""
        header = SpoolHeader(
            version=1,
            stage=checkpoint.stage,
            model=checkpoint.model,
            slot=checkpoint.slot,
            digest=checkpoint.release,
            replica=checkpoint.replica,
            features=[],
            started=0,
        )
        with self._lock:
            series = self._replica(header)
            series.count(names.LOG_RECORDS, "{record}", checkpoint.rows)
            series.count(names.LOG_LOST, "{record}", checkpoint.lost_rows)
            self._is_changed = True

    def refused(self, counts: Sequence[RefusedRequests]) -> None:
        """Set the counts of requests that the gateway refused since it started."""
        totals: Counter[tuple[str, str, tuple[str, str]]] = Counter()
        with self._lock:
            for requests in counts:
                stage, _, model = requests.deployment.partition("/")
                series = self._one(stage, model or "gateway", "", "gateway", slot="")
                attributes: Attributes = (
                    (names.REQUEST_METHOD, requests.method),
                    (names.URL_SCHEME, requests.scheme),
                    *(((names.ROUTE, f"/{requests.deployment}"),) if model else ()),
                    (names.STATUS_CODE, requests.status),
                    *(
                        ((names.ERROR_TYPE, str(requests.status)),)
                        if requests.status >= 500
                        else ()
                    ),
                )
                series.histograms[names.REQUEST_DURATION, "s", attributes] = Distribution(
                    names.REQUEST_DURATION_BOUNDS,
                    np.array(requests.buckets, np.int64),
                    requests.total,
                    requests.shortest,
                    requests.longest,
                )
                reason = (names.REFUSAL_REASON, refusal_reason(requests.status))
                totals[stage, model, reason] += sum(requests.buckets)
                number = totals[stage, model, reason]
                series.sums[names.REFUSALS, "{request}", (reason,)] = number
            self._is_changed = True

    def flush(self, verdicts: Verdicts, now: datetime, *, finish: bool = False) -> None:
        """Export if the interval is over; without a change only once a minute.

        What did not change goes to the receiver, where a series that is not repeated ends. It does
        not go to the files again.
        """
        elapsed = self._elapsed.at(now)
        waited = elapsed - self._exported
        is_due = waited >= (self._seconds if self._is_changed else QUIET_SECONDS)
        if not (is_due or finish):
            return
        is_news, self._exported, self._is_changed = self._is_changed, elapsed, False
        judged = list(verdicts())
        with self._lock:
            for key, verdict, profile, counts in judged:
                self._drift(key, verdict, profile, counts, now=now)
            platform = self._one("", "goldenpath", "", "observer", slot="")
            dropped = self._sender.dropped if self._sender is not None else 0
            record_platform(platform, dropped, self._channels())
            record_home(platform, self._files.folder, is_stuck=self.is_stuck)
            data = metrics_data(list(self._series.values()), _nanoseconds(now))
            made, self._spans = self._spans, []
            logs, self._logs = self._logs, {}
        if is_news or finish:
            self._files.metrics(data)
        if made:
            self._files.traces(made)
        if self._sender is not None:
            self._sender.send(data)
            if made:
                self._sender.send(made)
            if logs:
                self._sender.send(logs_request(logs))

    def _drift(
        self, key: Key, verdict: DriftVerdict, profile: Profile, counts: Counts, *, now: datetime
    ) -> None:
        stage, model, digest = key
        series = self._one(stage, model, digest, "observer", slot="")
        findings = self._findings.of(*key) if self._findings is not None else ()
        record_monitor(series, verdict, self._facts(digest), findings, now=now)
        for column in verdict.columns:
            if column.psi is not None:
                feature = ((names.FEATURE_NAME, column.name),)
                series.gauge(names.DRIFT_PSI, "{nat}", column.psi.value, feature)
        for bins, place in profile.slices():
            numbers = counts.values[place].tolist() if self._bins else ()
            for label, number in zip(bins.labels, numbers, strict=self._bins):
                bin_ = ((names.FEATURE_NAME, bins.name), (names.FEATURE_BIN_LABEL, label))
                series.sums[names.FEATURE_BIN, "{value}", bin_] = number
            unseen = int(counts.values[place][-2])
            feature = ((names.FEATURE_NAME, bins.name),)
            series.sums[names.FEATURE_OUT_OF_RANGE, "{value}", feature] = unseen

    def _replica(self, header: SpoolHeader) -> Series:
        return self._one(
            header.stage, header.model, header.digest, header.replica, slot=header.slot
        )

    def _one(self, stage: str, model: str, digest: str, instance: str, *, slot: str) -> Series:
        key = (stage, model, digest, instance)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MOST_SERIES:
                # The oldest replica ended long ago: its last values are exported.
                del self._series[next(iter(self._series))]
            where = {
                names.SERVICE_NAME: model,
                names.SERVICE_VERSION: digest.removeprefix("sha256:")[:12],
                names.SERVICE_INSTANCE: instance,
                names.ENVIRONMENT: stage,
                names.MANIFEST_DIGEST: digest,
                names.SLOT: slot,
            }
            known = {name: value for name, value in where.items() if value}
            series = self._series[key] = Series(resource(known), self._started)
        return series


Sampled = Sequence[tuple[Answered, ReadableSpan]]


def sampled_by_id(sampled: Sampled) -> Iterator[tuple[str, ReadableSpan]]:
    """Return the spans by the id of their request."""
    return ((item.prediction_id, span) for item, span in sampled)


def _record_requests(series: Series, block: Block, sampled: Sampled) -> None:
    kinds = [(item.endpoint, item.status) for item in block.answered]
    seconds = np.array([item.duration for item in block.answered]) / 1e9
    for kind in sorted(set(kinds)):
        endpoint, status = kind
        attributes: Attributes = (
            (names.REQUEST_METHOD, "POST"),
            (names.URL_SCHEME, block.header.scheme),
            (names.ROUTE, route(block.header, endpoint)),
            (names.STATUS_CODE, status),
            *(((names.ERROR_TYPE, str(status)),) if status >= 500 else ()),
        )
        series.record(
            names.REQUEST_DURATION,
            "s",
            seconds[[found == kind for found in kinds]],
            names.REQUEST_DURATION_BOUNDS,
            attributes=attributes,
            exemplars=[
                exemplar(span, item.duration)
                for item, span in sampled
                if (item.endpoint, item.status) == kind
            ],
        )


def _record_predictions(
    series: Series, block: Block, facts: Facts | None, sampled: Sampled
) -> None:
    model = ((names.MODEL_NAME, block.header.model),)
    newest = max(item.started + item.duration for item in block.answered) / 1e9
    series.gauge(names.OBSERVED_TIME, "s", newest)
    for item in block.answered:
        if item.refusal:
            reason = (names.REFUSAL_REASON, refusal_reason(item.status, item.refusal))
            series.count(names.REFUSALS, "{request}", 1, (reason,))
    times = np.array([item.inference for item in block.answered if item.rows]) / 1e9
    further = [exemplar(span, item.inference) for item, span in sampled if item.rows]
    bounds = names.INFERENCE_DURATION_BOUNDS
    series.record(names.INFERENCE_DURATION, "s", times, bounds, attributes=model, exemplars=further)
    series.count(names.PREDICTIONS, "{prediction}", block.total, model)
    if facts is None:
        return
    output = (*model, (names.OUTPUT_NAME, facts.contract.output))
    rules = facts.rules
    scores = rules.main(block.numbers).astype(np.float64)
    edges: Sequence[float] = facts.profile.score.edges[1:-1]
    if not rules.outcomes or rules.classes:
        # The judge compares these bounds, so they have to be the same for all releases.
        edges = points(facts.contract)
    series.record(names.PREDICTION_SCORE, "1", scores, edges, attributes=output)
    outcomes = rules.decide(block.numbers).outcomes
    if outcomes:
        _record_slices(series, block, facts, outcomes)
    for outcome in sorted({each for each in outcomes if each is not None}):
        number = outcomes.count(outcome)
        series.count(
            names.PREDICTION_OUTCOME, "{prediction}", number, (*model, (names.OUTCOME, outcome))
        )


def _record_slices(
    series: Series, block: Block, facts: Facts, outcomes: Sequence[str | None]
) -> None:
    """Count every slice from the first answer on, so that its series exist before any hit."""
    texts = np.array(outcomes, object)
    # Comparing texts is slow, and the result is the same for every slice.
    hit = {outcome: texts == outcome for outcome in facts.rules.outcomes}
    for part in slices(facts.contract):
        inside = inside_of(part, block)
        where = ((names.FEATURE_NAME, part.feature), (names.SLICE_LABEL, part.label))
        for outcome in hit:
            number = int(np.count_nonzero(inside & hit[outcome]))
            kind = (*where, (names.OUTCOME, outcome))
            series.count(names.SLICE_OUTCOME, "{prediction}", number, kind)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000
