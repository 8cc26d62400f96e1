"""Spans made from records, after the answer has gone: nothing of tracing is on the path."""

import re
from collections.abc import Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from goldenpath import instruments
from goldenpath.observe.series import SCOPE
from goldenpath.serve.payload import Answered, SpoolHeader

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def spans(
    header: SpoolHeader, answered: list[Answered], where: Resource, share: float
) -> Iterator[ReadableSpan]:
    """A span per sampled request: as its caller decided, else `share` of them by their ids."""
    limit = int(share * 2**32)
    for item in answered:
        parent = _parent(item.traceparent)
        chosen = int(item.prediction_id[:8], 16) < limit
        if parent.trace_flags.sampled if parent else chosen:
            yield _span(header, item, where, parent)


def _parent(traceparent: str) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace, span, flags = (int(part, 16) for part in found.groups())
    parent = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
    return parent if parent.is_valid else None


def _span(
    header: SpoolHeader, item: Answered, where: Resource, parent: SpanContext | None
) -> ReadableSpan:
    # The prediction id is random, so its halves serve as ids: a record leads to its span.
    trace = parent.trace_id if parent else int(item.prediction_id, 16)
    context = SpanContext(
        trace, int(item.prediction_id[16:], 16), is_remote=False, trace_flags=TraceFlags(1)
    )
    return ReadableSpan(
        name=instruments.SPAN_INFER,
        context=context,
        parent=parent,
        resource=where,
        attributes={
            instruments.MODEL_NAME: header.model,
            instruments.PREDICTION_ID: item.prediction_id,
            instruments.STATUS_CODE: item.status,
            instruments.REQUEST_METHOD: "POST",
            instruments.PREDICTION_ROWS: item.rows,
        },
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR if item.status >= 500 else StatusCode.UNSET),
        start_time=item.started,
        end_time=item.started + item.duration,
        instrumentation_scope=SCOPE,
    )
