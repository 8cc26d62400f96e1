"""`goldenpath doctor` against a real cluster: before it has anything of ours, and at the end."""

import json

from cluster.walk.record import WalkRecord
from cluster.walk.road import STAGES
from cluster.walk.stages import Scene

_MISSING = {
    "admission of image volumes",
    "Gateway goldenpath/models",
    "ApplicationSet argocd/models",
    *(f"ServingRuntime models-{stage}/goldenpath" for stage in STAGES),
}


def examine_empty(scene: Scene, record: WalkRecord) -> None:
    """Look at a cluster that has nothing of ours."""
    wrong = _wrong(scene, expect=7)
    claim = "doctor names everything of ours that the cluster lacks"
    record.require({*wrong} >= _MISSING, claim, ", ".join(wrong))


def examine(scene: Scene, record: WalkRecord) -> None:
    """Look again: an image volume of another registry is refused, and nothing else is wrong."""
    wrong = _wrong(scene, expect=0)
    record.require(not wrong, "doctor finds nothing wrong", "exit code 0")


def _wrong(scene: Scene, expect: int) -> list[str]:
    printed = scene.road.run("doctor --target kubernetes --output json", expect=expect)
    findings = json.loads(printed)["findings"]
    return [finding["check"] for finding in findings if finding["status"] != "ok"]
