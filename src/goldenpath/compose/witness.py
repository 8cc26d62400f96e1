"""What the audit log records about the prediction log."""

from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.observe.log.log_check import Anchor


def anchors(home: Home) -> tuple[Anchor, ...]:
    """Return every segment that the audit log recorded.

    Raises `VerificationError` if the chain of the audit log is broken."""
    noted = (each for each in EventLog(home.events).read() if each.kind == "log.anchored")
    heads = (each.details.get("heads") for each in noted if each.details)
    return tuple(_anchor(head) for found in heads if isinstance(found, list) for head in found)


def _anchor(head: JsonValue) -> Anchor:
    match head:
        case {
            "stage": str(stage),
            "model": str(model),
            "replica": str(replica),
            "number": int(number),
            "digest": str(digest),
        }:
            return Anchor(stage, model, replica, number, digest)
    raise InvalidInput("the audit log has an anchor that is none")
