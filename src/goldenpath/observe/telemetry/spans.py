"""Spans made from records after the answer is sent: tracing costs a request nothing."""

import re
from collections.abc import Iterator, Sequence

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from goldenpath import instruments
from goldenpath.observe.telemetry.series import SCOPE
from goldenpath.serve.protocol import inference_service
from goldenpath.serve.record.spool_format import Answered, SpoolHeader

# Version ff is invalid. Versions after 00 may append further fields.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{53}.)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?"
)


def spans(
    header: SpoolHeader, answered: Sequence[Answered], where: Resource, share: float
) -> Iterator[tuple[Answered, ReadableSpan]]:
    """Return the sampled requests, each with a span.

    The caller's trace context decides on sampling. Without one, `share` of the ids are sampled.
    """
    limit = int(share * 2**32)
    for item in answered:
        parent = _parent(item.traceparent)
        chosen = int(item.prediction_id[:8], 16) < limit
        if parent.trace_flags.sampled if parent else chosen:
            yield item, _span(header, item, where, parent)


def route(header: SpoolHeader, endpoint: str) -> str:
    """Return the route of a request: its path without variable parts."""
    if endpoint == "call":
        return f"{inference_service.PREFIX}{inference_service.INFER}"
    version = "v1" if endpoint == "predict" else "v2"
    return f"/{version}/models/{header.model}/{endpoint}"


def exemplar(span: ReadableSpan, nanoseconds: int) -> Exemplar:
    """Return the exemplar that links a duration to its span."""
    context = span.get_span_context()
    assert context is not None  # noqa: S101 - `_span` gives it one
    return Exemplar({}, nanoseconds / 1e9, span.start_time or 0, context.span_id, context.trace_id)


def _parent(traceparent: str) -> SpanContext | None:
    parts = _TRACEPARENT.fullmatch(traceparent)
    if parts is None:
        return None
    trace, span, flags = (int(part, 16) for part in parts.groups())
    parent = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
    return parent if parent.is_valid else None


def _span(
    header: SpoolHeader, item: Answered, where: Resource, parent: SpanContext | None
) -> ReadableSpan:
    # The prediction id is random, so it serves as span and trace id: a record leads to its span.
    trace = parent.trace_id if parent else int(item.prediction_id, 16)
    context = SpanContext(
        trace, int(item.prediction_id[16:], 16), is_remote=False, trace_flags=TraceFlags(1)
    )
    path = route(header, item.endpoint)
    attributes: dict[str, str | int] = {
        instruments.MODEL_NAME: header.model,
        instruments.PREDICTION_ID: item.prediction_id,
        instruments.PREDICTION_ROWS: item.rows,
        instruments.REQUEST_METHOD: "POST",
        instruments.ROUTE: path,
        instruments.URL_PATH: path,
        instruments.URL_SCHEME: header.scheme,
        instruments.STATUS_CODE: item.status,
    }
    if item.status >= 500:
        attributes[instruments.ERROR_TYPE] = str(item.status)
    return ReadableSpan(
        name=f"POST {path}",
        context=context,
        parent=parent,
        resource=where,
        attributes=attributes,
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR if item.status >= 500 else StatusCode.UNSET),
        start_time=item.started,
        end_time=item.started + item.duration,
        instrumentation_scope=SCOPE,
    )
