"""Why a pod does not run, in one sentence, from its status (Kubernetes API, `PodStatus`)."""

from collections.abc import Iterator, Mapping

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members

_PULL = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}
_EXITS = {
    2: "its settings or its folder are no release that it can read",
    3: "there is no release in its folder",
    4: "it refused the release: signatures or statements do not hold",
    5: "something that it needs, such as the registry, could not be reached",
    137: "it was killed, as a rule for its memory",
}
"""What the exit codes of our server and initializer mean; see `goldenpath.errors`."""
_SHOWN = 300


def pod_reason(pod: Mapping[str, JsonValue]) -> str:
    """Return why a pod does not run; empty if nothing in its status says so."""
    status = members(pod.get("status"))
    for condition in entries(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"no node takes its pod: {_text(condition)}"
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in entries(status.get(key)):
            reason = next(_container(container), "")
            if reason:
                return reason
    if status.get("phase") == "Failed":
        return f"its pod failed: {_text(status)}"
    return ""


def _container(container: Mapping[str, JsonValue]) -> Iterator[str]:
    name = container.get("name")
    waiting = members(members(container.get("state")).get("waiting"))
    if waiting.get("reason") in _PULL:
        yield f"the node cannot pull {container.get('image')}: {_text(waiting)}"
    for moment in ("state", "lastState"):
        ended = members(members(container.get(moment)).get("terminated"))
        code = ended.get("exitCode")
        if isinstance(code, int) and code:
            meaning = _EXITS.get(code) or str(ended.get("reason") or "it gives no reason")
            yield f"container {name} ended with {code}: {meaning}"
    if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
        yield f"container {name} waits: {_text(waiting)}"


def _text(value: Mapping[str, JsonValue]) -> str:
    return str(value.get("message") or value.get("reason") or "no reason given")[:_SHOWN]
