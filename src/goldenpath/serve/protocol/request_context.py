"""The context of a request beside its values: it goes into the record, not into the answer."""

from typing import Literal

import msgspec

Oversight = Literal["", "automatic", "human-in-loop"]
"""Whether a person reviews the decision; empty if unknown."""


class RequestContext(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The context that a caller states for a request."""

    process: str = ""
    """The business process of the request."""
    channel: str = ""
    """The channel of the caller's own client."""
    oversight: Oversight = ""
    features_at: int = 0
    """The time of the values in nanoseconds since 1970; 0 if unknown."""
    references: list[dict[str, str]] | None = None
    """Consulted outside data for each row: identifiers by kind."""
