"""The witness as a job in the cluster: it signs the heads of the logs that pods wrote."""

from pathlib import Path

from cluster.object_store import RunningObjectStore
from cluster.walk.jobs import run_job, write_secrets
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.stages import Scene
from goldenpath.home import Home

_SEALED = "*.checkpoint.json"


def anchor_logs(scene: Scene, record: WalkRecord, stage: str) -> None:
    """Copy the logs of the pods of a stage to a bucket, and run the CronJob of the witness once."""
    store = scene.stack.object_store
    files = _copy_logs(scene, store, stage)
    record.note("segments of the pods' prediction logs are in the bucket", files)
    key = Home(scene.road.home).witness_key.read_text("ascii")
    write_secrets(scene, stage, {"witness-key": {"key": key}, "log-store": dict(store.variables)})
    before = scene.road.head("anchors")
    printed = run_job(scene, stage, "witness")
    commit = scene.road.head("anchors")
    claim = "a job of the witness's CronJob signs their heads into the branch `anchors`"
    record.require(commit != before, claim, printed)
    again = run_job(scene, stage, "witness")
    claim = "a second run of it has nothing to add"
    record.require(scene.road.head("anchors") == commit and "nothing is new" in again, claim, again)


def _copy_logs(scene: Scene, store: RunningObjectStore, stage: str) -> int:
    """Copy the sealed logs, as a bank's copying program does; return how many files."""
    await_value(
        lambda: str(sum(len(list(path.rglob(_SEALED))) for path in logs_of_pods(scene, stage))),
        lambda text: text != "0",
        60,
        "a segment is sealed",
    )
    return sum(store.copy(path) for path in logs_of_pods(scene, stage))


def logs_of_pods(scene: Scene, stage: str) -> list[Path]:
    """Return the prediction logs of a stage in the volumes of the node."""
    found = [
        path for each in scene.stack.node.volumes("state") for path in each.rglob("predictions")
    ]
    return [path for path in found if (path / stage).is_dir()]
