"""The events of a server that runs by itself, as lines for people."""

from collections.abc import Mapping


def event_line(event: Mapping[str, object]) -> str:
    """Return the line of an event; empty if it says nothing to people."""
    match event.get("event"):
        case "ready" if "of" in event:
            metrics = event.get("metrics")
            return f"metrics: http://{metrics}/metrics" if metrics else ""
        case "ready":
            grpc = f", gRPC on {event['grpc']}" if "grpc" in event else ""
            return (
                f"ready: {event['model']} {event['digest']} ({event['mark']}) "
                f"answers on {event['address']}{grpc}, after {event['seconds']} s"
            )
        case "drained":
            lost = f", {event['lost']} without a record" if event.get("lost") else ""
            return f"drained: {event['answered']} requests were answered{lost}"
        case "alarm":
            return f"ALARM: {event.get('sentence')}"
        case "fault" | "content":
            return f"{event.get('of', 'model')}: {event.get('message')}"
        case _:
            return ""
