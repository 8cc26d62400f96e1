"""One source of data before and after its pin moved, as the record of a retraining names it."""

import msgspec


class MovedPin(msgspec.Struct, frozen=True, rename="camel"):
    """Where the data were and are, with their digests."""

    name: str
    path_before: str
    digest_before: str
    path: str
    digest: str
    last: str = ""
    """The latest time of a row, RFC 3339; empty if the data declare no column `time`."""
