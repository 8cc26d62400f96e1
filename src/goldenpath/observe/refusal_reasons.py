"""The reasons of refusals, few enough to count by: the same in telemetry and in `health`."""

from goldenpath.serve.protocol.inputs import REASONS_END, REASONS_JOINED, VALUE_REASONS

REASONS = {
    200: "no score",
    400: "malformed request",
    401: "no valid token",
    403: "not allowed",
    404: "unknown model",
    405: "wrong method",
    408: "too slow",
    413: "too large",
    415: "wrong content type",
    422: "outside the contract",
    431: "too large",
    500: "no score",
    502: "server lost",
    503: "not available",
    504: "too slow",
}
"""A reason for each status, so that the number of series is bounded. Others are `other`."""
NOT_RECORDED = "not recorded"
OTHER = "other"
SEVERAL = "several faults"
ALL_REASONS = (*dict.fromkeys(REASONS.values()), *VALUE_REASONS.values(), SEVERAL, NOT_RECORDED)
"""Every reason but `other`."""


def refusal_reason(status: int, note: str = "") -> str:
    """Return the reason of a refusal, one of few. `note` is that of its record."""
    if note == NOT_RECORDED:
        return NOT_RECORDED
    kinds = note.partition(REASONS_END)[0].split(REASONS_JOINED)
    if status != 422 or not set(kinds) <= set(VALUE_REASONS.values()):
        return REASONS.get(status, OTHER)
    return kinds[0] if len(kinds) == 1 else SEVERAL
