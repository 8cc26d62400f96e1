"""The reasons of refusals, few enough to count by: the same in telemetry and in `health`."""

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


def refusal_reason(status: int, note: str = "") -> str:
    """Return the reason of a refusal, one of few. `note` is that of its record."""
    return NOT_RECORDED if note == NOT_RECORDED else REASONS.get(status, "other")
