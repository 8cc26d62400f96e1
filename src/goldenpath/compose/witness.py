"""What somebody else than this machine holds about its logs."""

from goldenpath.audit.anchors.held_heads import NOT_HELD, HeldHeads
from goldenpath.home import Home


def held(home: Home) -> HeldHeads:
    """Return the heads of both logs that signed commits hold."""
    return NOT_HELD
