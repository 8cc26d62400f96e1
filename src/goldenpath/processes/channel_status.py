"""How each alarm channel is doing: published by the process that delivers, read by others."""

import msgspec

from goldenpath.home import Home
from goldenpath.parsers.typed import read_record

STATUS = "alarms.json"
"""Name of the file in the run folder."""


class ChannelStatus(msgspec.Struct, frozen=True):
    """How a channel is doing."""

    channel: str
    """`STAGE.NAME`."""
    waiting: int
    """Messages in its outbox."""
    held_back: int
    """Alarms for which its outbox has no room now. They are not lost: their source is kept."""
    fault: str = ""

    @property
    def text(self) -> str:
        """The status in words."""
        words = [f"{self.waiting} wait"] if self.waiting else []
        words += [f"{self.held_back} more have no room"] if self.held_back else []
        return "; ".join([*words, *([self.fault] if self.fault else [])])


def channel_status(home: Home) -> tuple[ChannelStatus, ...]:
    """Return what was published last; nothing if no channel was ever used here.

    Raises `InvalidInput` if the file is malformed.
    """
    try:
        return read_record(home.run / STATUS, tuple[ChannelStatus, ...])
    except FileNotFoundError:
        return ()
