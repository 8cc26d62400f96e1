"""The header fields that a model server reads."""

from goldenpath.http.messages.heads import FieldRules
from goldenpath.instruments import HEADER_PREDICTION, HEADER_SUBJECT

WANTED = frozenset(
    {
        b"authorization",
        b"content-type",
        b"content-encoding",
        b"host",
        b"inference-header-content-length",
        b"traceparent",
        b"x-goldenpath-caller",
        b"x-goldenpath-canary",
        b"x-goldenpath-prediction-id",
        b"x-goldenpath-shadow",
    }
)
"""Fields that are read; every other one is ignored."""
RULES = FieldRules(WANTED)
VARYING = ("traceparent", "tracestate", "x-request-id", HEADER_PREDICTION, HEADER_SUBJECT)
"""Fields whose values seldom repeat."""
