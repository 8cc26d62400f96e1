"""`goldenpath doctor` against a real cluster, before and after the cure of what it finds."""

import json
import string
import time
from pathlib import Path

import yaml

from cluster.objects import apply
from cluster.walk.record import WalkRecord
from cluster.walk.stages import Scene

_POLICY = Path(__file__).parent / "manifests" / "image-volumes.yaml"
_HOLE = "admission of image volumes"
_SECONDS = 10.0


def examine(scene: Scene, record: WalkRecord) -> None:
    """Find the hole that every cluster has, close it, and find nothing."""
    wrong = _wrong(scene, expect=7)
    record.require(wrong == [_HOLE], "doctor finds one thing wrong", ", ".join(wrong))
    text = string.Template(_POLICY.read_text("utf-8")).substitute(PREFIX=scene.road.prefix)
    apply(scene.stack.plane, list(yaml.safe_load_all(text)))
    time.sleep(_SECONDS)  # The API server takes a new policy into use after some seconds.
    wrong = _wrong(scene, expect=0)
    record.require(not wrong, "with its cure doctor finds nothing wrong", "exit code 0")


def _wrong(scene: Scene, expect: int) -> list[str]:
    printed = scene.road.run("doctor --target kubernetes --output json", expect=expect)
    findings = json.loads(printed)["findings"]
    return [finding["check"] for finding in findings if finding["status"] != "ok"]
