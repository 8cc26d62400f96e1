"""The copied prediction logs of pods, whose heads a job signs into the branch `anchors`."""

import os
from pathlib import Path

from goldenpath.audit.anchors.segment_trees import CheckpointFiles
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.compose.gitops_access import anchors_repository, gitops, trusted
from goldenpath.compose.process_context import now
from goldenpath.compose.witness import witness_key
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.home import Home
from goldenpath.observe.log.log_storage import LogStorage
from goldenpath.observe.log.segment import SUFFIX
from goldenpath.promote.acts.scene import stage_of
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import PREDICTIONS_VARIABLE, ObjectStore


def anchor_copied_log(home: Home, stage: str, key: Path | None) -> str:
    """Anchor the copied logs of the pods of a stage, and return the commit; empty if none is due.

    Raises `InvalidInput` if no copy is named, `Unavailable` if it cannot be read: heads that are
    missing must not look like a log that has none.
    """
    where = os.environ.get(PREDICTIONS_VARIABLE)
    if not where:
        raise InvalidInput(
            f"no prediction log is named: expected its folder or URL in {PREDICTIONS_VARIABLE}",
            hint="goldenpath up anchors the log of its own machine by itself",
        )
    if "://" not in where and not Path(where).is_dir():
        raise Unavailable(f"{PREDICTIONS_VARIABLE} names no folder: {where}")
    known = trusted(home)
    stage_of(known.platform, stage)
    storage = LogStorage(where, ObjectStore.of(os.environ))
    paths = gitops(home).entries(known.commit, f"envs/{stage}/")
    models = sorted({path.split("/")[2] for path in paths if path.count("/") > 2})

    def files() -> CheckpointFiles:
        return {
            f"{model}/{name}": read
            for model in models
            for name, read in storage.files(stage, model).items()
            if name.endswith(SUFFIX)
        }

    signing = SshKey.load(key) if key else witness_key(home)
    writer = WitnessWriter(home, anchors_repository(home), signing, copied=files)
    return writer.anchor(known.platform, known.commit, now())
