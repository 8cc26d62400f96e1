"""A table in a bucket scored by a Job of the cluster, which asks the servers of one release."""

import io
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq

from cluster.walk.bootstrap import commit_change
from cluster.walk.jobs import ended_job, write_secrets
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.road import ENGINEER, MODEL, acting
from cluster.walk.stages import Scene, refresh
from cluster.walk.witnessed_logs import logs_of_pods

STAGE = "dev"
ROWS, REFUSED = 5_000, 7
_JOB, _IN, _OUT = "monthly", "s3://clients/2026-11.parquet", "s3://answers/2026-11.parquet"


def score_table(scene: Scene, record: WalkRecord, release: str) -> None:
    """Declare the Job by a commit, let Argo CD run it, and compare what it wrote."""
    store = scene.stack.object_store
    store.put(_IN, _table())
    store.put("s3://answers/.keep", b"")
    server = scene.stack.git_server
    git = {"key": server.deploy_key.read_text("ascii"), "known_hosts": server.known_hosts}
    write_secrets(scene, STAGE, {"score-store": dict(store.variables), "git-key": git})
    line = (
        f"score-job {_JOB} {MODEL} {_IN} --stage {STAGE} --out {_OUT} --keep client "
        f"--reason 'the walk scores' {acting(ENGINEER)}"
    )
    commit_change(scene.road, line)
    _await_job(scene)
    printed = ended_job(scene, STAGE, _JOB)
    answers = pq.read_table(io.BytesIO(store.read(_OUT)))
    refused = sum(bool(each) for each in answers["refused"].to_pylist())
    releases = {each for each in answers["release"].to_pylist() if each}
    claim = f"a Job of the cluster scored {ROWS:,} rows of a bucket by the release of its stage"
    right = (len(answers), refused, releases) == (ROWS, REFUSED, {release})
    record.require(right, claim, f"{len(answers)} rows, {refused} refused; {printed[-300:]}")
    _trace(scene, record, str(answers["prediction"][0]), release)


def _await_job(scene: Scene) -> None:
    def jobs() -> str:
        # The follower moves the branch that Argo CD reads a little after the commit.
        refresh(scene, f"platform-scores-{STAGE}")
        return scene.kubectl("-n", f"models-{STAGE}", "get", "jobs", "-o", "name")

    await_value(jobs, lambda text: _JOB in text, 120, "the Job is there", pause=3)


def _table() -> bytes:
    numbers = range(ROWS)
    columns = {
        "client": [f"client-{number}" for number in numbers],
        "limit": [50_000 + number for number in numbers],
        # The contract takes 18 to 120 years.
        "age": [7 if number < REFUSED else 40 for number in numbers],
        "education": [1] * ROWS,
        "status": [0] * ROWS,
        "bill": [20_000] * ROWS,
        "paid": [1_500] * ROWS,
    }
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def _trace(scene: Scene, record: WalkRecord, prediction: str, release: str) -> None:
    """Trace one answer of the table by the logs that the pods of the stage wrote."""
    for folder in logs_of_pods(scene, STAGE):
        shutil.copytree(folder, scene.road.home / "predictions", dirs_exist_ok=True)
    code, printed, complaint = scene.road.attempt(f"trace {prediction} --output json")
    made = json.loads(printed) if printed else {}
    claim = "`trace` leads from a row of the result to its release"
    record.require(release in json.dumps(made), claim, f"exit code {code} {complaint[-200:]}")
