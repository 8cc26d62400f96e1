"""What a caller tells about a request beside its values: for the record, not for the answer."""

from typing import Literal

import msgspec

Oversight = Literal["", "automatic", "human-in-loop"]
"""Whether a person looks at the decision; empty if nobody said."""


class RequestContext(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a caller said of a request beside its values: for the record, not for the answer."""

    process: str = ""
    """In which business process it is asked."""
    channel: str = ""
    """Over which way its own client came."""
    oversight: Oversight = ""
    features_at: int = 0
    """As of when the values are, in nanoseconds since 1970; 0 if nobody said."""
    references: list[dict[str, str]] | None = None
    """Outside data that were consulted, a row each: their identifiers by their kind."""
