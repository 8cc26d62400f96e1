"""The observer as a process, with a real release, killed at random and started again."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import urllib3

from goldenpath.drift.profile_format import render_profile
from goldenpath.observe.log.segment import checkpoints, parse_checkpoint, table_of
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.observer_launch import ObserverLaunch
from goldenpath.project.contract import render_contract
from goldenpath.release.artifact.pack import Contents, pack
from goldenpath.serve.gateway.refusals import FILE, RefusedRequests, write_refusals
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame
from tests.observe.spooling import CONTRACT, START, answer, draw, profile


@pytest.fixture
def digest(tmp_path: Path) -> str:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "model.onnx").write_bytes(b"a model that nobody runs here")
    contents = Contents(
        name="credit",
        version="0.1.0",
        outputs=outputs,
        contract=render_contract(CONTRACT),
        profile=render_profile(profile()),
        lock=b"version = 1\n",
        python_version="3.11.7",
        documents={"card.md": b"# Card\n"},
        commit="0123456789abcdef0123456789abcdef01234567",
        committed_at="2026-01-14T14:03:00Z",
    )
    return pack(LayoutStore(tmp_path / "registry"), contents).image.digest.text


class _Process:
    def __init__(self, root: Path, metrics: str = "") -> None:
        launch = ObserverLaunch(
            home=str(root),
            store=str(root / "registry"),
            metrics=metrics,
            interval=0.02,
            seal_seconds=0.05,
        )
        self.child = subprocess.Popen(
            [sys.executable, "-m", "goldenpath.observe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.child.stdin is not None
        self.child.stdin.write(json.dumps(asdict(launch)).encode() + b"\n")
        self.child.stdin.flush()

    def wait_ready(self) -> None:
        assert self.child.stdout is not None
        assert json.loads(self.child.stdout.readline()) == {"event": "ready"}

    def kill(self) -> None:
        self.child.kill()
        self.child.communicate()

    def finish(self) -> list[dict[str, object]]:
        out, _ = self.child.communicate(timeout=30)
        assert self.child.returncode == 0
        return [json.loads(line) for line in out.splitlines()]


def _spool(root: Path, digest: str, replica: str, answered: list[Answered], *, end: bool) -> None:
    header = SpoolHeader(
        1, "prod", "credit", "stable", digest, replica, ["income", "status"], START, 0
    )
    frames = [render_frame(header), *(render_frame([item]) for item in answered)]
    if end:
        frames.append(render_frame(SpoolMark(end=True)))
    (root / "spool").mkdir(exist_ok=True)
    (root / "spool" / f"prod.credit.{replica}.0001.spool").write_bytes(b"".join(frames))


def test_drift_is_reported_once_and_everything_is_sealed_at_the_end(
    tmp_path: Path, digest: str
) -> None:
    rows = draw(4000, 1, new_code=0.15)
    answered = [answer(i, rows[i * 100 : (i + 1) * 100]) for i in range(40)]
    _spool(tmp_path, digest, "r1", answered, end=True)

    events = _Process(tmp_path).finish()

    kinds = [event["event"] for event in events]
    assert kinds[0] == "ready" and kinds[-1] == "stopped"
    alarms = [event for event in events if event["event"] == "alarm"]
    (alarm,) = (event for event in alarms if event["feature"] == "status")
    assert alarm["kind"] == "new code" and alarm["digest"] == digest
    assert "status" in str(alarm["sentence"])
    assert sum(int(str(e["rows"])) for e in events if e["event"] == "sealed") == 4000
    assert not list((tmp_path / "spool").iterdir())
    assert (tmp_path / "telemetry" / "metrics.jsonl").stat().st_size > 1000


def test_what_the_gateway_refused_is_on_the_page_once_it_is_published(tmp_path: Path) -> None:
    process = _Process(tmp_path, "127.0.0.1:0")
    assert process.child.stdout is not None
    address = json.loads(process.child.stdout.readline())["metrics"]
    refused = RefusedRequests("prod/credit", "POST", "http", 404)
    series = (
        b'service_name="credit",service_instance_id="gateway",deployment_environment_name="prod"'
    )

    for times in (1, 2):
        refused.add(0.0)
        write_refusals([refused], tmp_path / "run" / FILE)
        page = b""
        while b'route="/prod/credit",http_response_status_code="404"} %d\n' % times not in page:
            page = urllib3.request("GET", f"http://{address}/metrics").data
        assert series in page

    process.finish()


def test_killed_at_any_moment_it_loses_and_doubles_nothing(tmp_path: Path, digest: str) -> None:
    expected = []
    for number in range(5):
        rows = draw(600, number)
        answered = [answer(i, rows[i * 6 : i * 6 + 6]) for i in range(100)]
        expected += [f"{a.prediction_id}-{row}" for a in answered for row in range(6)]
        _spool(tmp_path, digest, f"r{number}", answered, end=number % 2 == 0)
    for pause in (0.0, 0.004, 0.013):
        process = _Process(tmp_path)
        process.wait_ready()
        time.sleep(pause)
        process.kill()

    _Process(tmp_path).finish()

    sealed = []
    for path in checkpoints(tmp_path / "predictions"):
        checkpoint = parse_checkpoint(path.read_bytes(), None)
        ids = pq.read_table(table_of(path))["prediction_id"].to_pylist()
        assert checkpoint.rows == len(ids)
        sealed += ids
    assert sorted(map(str, sealed)) == sorted(expected)
    assert not list((tmp_path / "spool").iterdir())


def test_a_launch_that_cannot_be_read_ends_it_with_a_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "goldenpath.observe"],
        input=b'{"home":1}\n',
        capture_output=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 1
    assert json.loads(done.stdout)["event"] == "failed"


def test_a_release_that_cannot_be_opened_is_an_alarm_until_it_arrives(
    tmp_path: Path, digest: str
) -> None:
    (tmp_path / "registry").rename(tmp_path / "elsewhere")
    _spool(tmp_path, digest, "r1", [answer(0, draw(10, 1))], end=True)

    events = _Process(tmp_path).finish()
    (alarm,) = (event for event in events if event["event"] == "alarm")
    assert (alarm["kind"], alarm["digest"], alarm["model"]) == ("unobserved", digest, "credit")
    assert "cannot be opened" in str(alarm["sentence"])
    assert sum(int(str(e["rows"])) for e in events if e["event"] == "sealed") == 10

    (tmp_path / "elsewhere").rename(tmp_path / "registry")
    _spool(tmp_path, digest, "r2", [answer(0, draw(10, 1))], end=True)
    kinds = [event["event"] for event in _Process(tmp_path).finish()]
    assert "repaired" in kinds and "alarm" not in kinds
