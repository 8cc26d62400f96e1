"""`goldenpath up` as a whole: real git, real releases, real processes."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import urllib3

from goldenpath.audit.anchors.anchors_branch import BRANCH, read_anchors
from goldenpath.audit.events.event_log import EventLog
from goldenpath.compose.up_client import silence
from goldenpath.deploy.reconcile.status import Status
from goldenpath.digest import Digest
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import find_prediction, read_columns
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.observe.log.segments.stored_segments import stored_segments
from goldenpath.promote.manifests.deployment_files import deployment_folder
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.serve.record.spool_reader import read
from tests.deploy.platform import PATIENCE, OneMachine, Up, goldenpath
from tests.serve.running import ROW, question
from tests.sizes import at_size, full_size

PATH = "/dev/credit/v2/models/credit/infer"


@pytest.fixture
def here(tmp_path: Path) -> OneMachine:
    return OneMachine(tmp_path)


@dataclass(frozen=True)
class Serving:
    """A machine whose `up` serves a good release to everybody."""

    here: OneMachine
    up: Up
    good: Digest


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One for the tests that only try what is refused: each leaves it as it was."""
    here = OneMachine(tmp_path_factory.mktemp("serving"))
    good = here.release()
    here.deploy((good, 100))
    with here.up() as up:
        up.until(lambda status: runs(status, good))
        yield Serving(here, up, good)


def runs(status: Status, digest: Digest) -> bool:
    """Whether dev runs that release for everybody."""
    return status.is_ready and any(
        [(slot.digest, slot.percent) for slot in each.running] == [(digest.text, 100)]
        for each in status.deployments
    )


class Traffic:
    """Asks every few milliseconds; remembers every id that was answered."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.statuses: Counter[int] = Counter()
        self.answered: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pool = urllib3.PoolManager(retries=False)
        body = json.dumps(question(ROW)).encode()
        while not self._stop.is_set():
            try:
                got = pool.request("POST", f"http://{self.address}{PATH}", body=body)
            except urllib3.exceptions.HTTPError:
                break
            self.statuses[got.status] += 1
            if got.status == 200:
                self.answered.append(got.headers["x-goldenpath-prediction-id"])
            self._stop.wait(0.005)
        pool.clear()


def recorded(here: OneMachine) -> set[str]:
    """Every prediction id that is written down, sealed or not."""
    ids = set()
    for path in here.home.spool.rglob("*.spool"):
        if path.is_file():
            frames, _ = read(path)
            blocks = [frame for frame in frames if isinstance(frame, list)]
            ids |= {each.prediction_id for block in blocks for each in block}
    for path in here.home.predictions.rglob("*.parquet"):
        column = pq.read_table(path, columns=["prediction_id"]).column(0).to_pylist()
        ids |= {str(each).split("-")[0] for each in column}
    return ids


def sealed(here: OneMachine) -> Counter[str]:
    """How often each prediction id stands in the sealed log, in packed files as well."""
    found = Counter[str]()
    for segment in stored_segments(here.home.predictions):
        ids = read_columns(segment, ["prediction_id"]).column(0).to_pylist()
        found.update(str(each).split("-")[0] for each in ids)
    return found


def left_over(processes: Iterable[Path]) -> list[Path]:
    """Those that still run; one that only waits for its parent to look has ended."""
    found = []
    for each in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if (each / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.append(each)
    return found


def test_a_commit_is_served_and_a_rollback_is_quick_under_load(here: OneMachine) -> None:
    one, two = here.release(), here.release(0.5)
    here.deploy((one, 100))
    with here.up() as up:
        status = up.until(lambda status: runs(status, one))
        children = up.children()
        with Traffic(status.gateway) as traffic:
            here.deploy((one, 90), (two, 10))
            up.until(lambda status: status.is_ready and len(status.deployments[0].running) == 2)
            here.deploy((two, 100))
            up.until(lambda status: runs(status, two))
            here.deploy((one, 100))
            up.until(lambda status: runs(status, one))

        code, cells = goldenpath(here.home, "inventory")
        table = pa.table(
            {
                name: [value] * 500
                for name, value in zip(("limit", "age", "status", "paid"), ROW, strict=True)
            }
        )
        pq.write_table(table, here.folder / "rows.parquet")
        sending, sent = goldenpath(
            here.home, "send", "credit", "--stage", "dev", "--rows",
            str(here.folder / "rows.parquet"),
        )  # fmt: skip
        up.process.send_signal(signal.SIGINT)  # as Ctrl-C does; SIGTERM follows

    assert set(traffic.statuses) == {200}
    assert len(children) == 3 and not left_over(children)
    assert code == 0, cells
    assert sending == 0 and isinstance(sent, dict)
    assert sent["rows"] == 500 and sent["failed"] == 0
    assert sent["releases"] == {one.text: 500}
    assert set(traffic.answered) <= recorded(here)
    kinds = [event.kind for event in EventLog(here.home.events).read()]
    assert kinds[0] == "platform.started" and kinds[-2:] == ["log.anchored", "platform.stopped"]
    assert kinds.count("route.changed") >= 4
    anchors = Repository(str(here.home.gitops), here.home.anchors_cache, branch=BRANCH)
    held = read_anchors(anchors, here.trusted().platform.witnesses).held("witness")
    assert held.heads[-1].events.count == len(kinds) and len(held.log_keys) == 1
    assert goldenpath(here.home, "log", "check")[0] == 0
    # Without its end the log is whole in itself, but the audit log has noted how far it went.
    newest = max(checkpoints(here.home.predictions), key=lambda path: path.stat().st_mtime_ns)
    table_of(newest).unlink()
    newest.unlink()
    code, report = goldenpath(here.home, "log", "check")
    assert code == 4 and isinstance(report, dict)
    assert any("is gone: another record names it" in each for each in report["breaks"])


def test_what_nobody_signed_or_somebody_changed_is_refused_before_it_is_loaded(
    serving: Serving,
) -> None:
    here, up, good = serving.here, serving.up, serving.good
    unsigned, tampered = here.release(1.0, signed=False), here.release(2.0)
    _change_model(here, tampered, good)
    for bad in (unsigned, tampered):
        here.deploy((bad, 100))
        status = up.until(
            lambda status: any(
                each.type == "Stalled" and each.holds for each in status.deployments[0].conditions
            )
        )
        assert status.deployments[0].running[0].digest == good.text
        here.deploy((good, 100))
        up.until(lambda status: runs(status, good))

    events = list(EventLog(here.home.events).read())
    refused = [event.digest for event in events if event.kind == "admission.refused"]
    loaded = {event.digest for event in events if event.kind.startswith("server.")}
    assert refused == [unsigned.text, tampered.text]
    assert loaded == {good.text}


def _change_model(here: OneMachine, digest: Digest, other: Digest) -> None:
    """Flips one byte of the model of a release where it is stored; `other` stays whole."""
    blobs = here.home.registry / "blobs" / "sha256"
    layers, shared = (
        {layer["digest"][7:] for layer in json.loads((blobs / each.hex).read_bytes())["layers"]}
        for each in (digest, other)
    )
    for path in (blobs / name for name in layers - shared):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)


def test_a_model_that_crashes_at_start_is_tried_again_and_the_one_before_answers(
    serving: Serving,
) -> None:
    here, up, good = serving.here, serving.up, serving.good
    broken = here.release(3.0, broken=True)

    def failures() -> int:
        events = EventLog(here.home.events).read()
        return sum(each.kind == "server.failed" and each.digest == broken.text for each in events)

    before = up.until(lambda status: runs(status, good))
    with Traffic(before.gateway) as traffic:
        here.deploy((broken, 100))
        status = up.until(lambda status: failures() > 1 and not status.is_ready)
    ready, reconciling, _ = status.deployments[0].conditions
    assert (ready.reason, reconciling.holds) == ("ServerFailed", True)
    assert "not an ONNX graph that runs here" in ready.message
    assert set(traffic.statuses) == {200}
    assert goldenpath(here.home, "status")[0] == 7
    here.deploy((good, 100))
    up.until(lambda status: runs(status, good))


_MALFORMED = full_size("test_a_malformed_inferenceservice_changes_nothing_that_runs")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"protocolVersion: v2", b"protocolVersion: v1", "protocolVersion"),
        pytest.param(
            b"apiVersion:", b"<<<<<<< ours\napiVersion:", "not valid YAML", marks=_MALFORMED
        ),
        pytest.param(b"minReplicas: 1", b"minReplicas: [1]", "minReplicas", marks=_MALFORMED),
    ],
)
def test_a_malformed_inferenceservice_changes_nothing_that_runs(
    serving: Serving, old: bytes, new: bytes, said: str
) -> None:
    here, up, good = serving.here, serving.up, serving.good
    path = f"{deployment_folder('dev', 'credit')}/{service_name('credit', good)}.yaml"
    whole = here.repository.read(here.repository.fetch(), path)
    assert whole is not None and old in whole

    here.commit({path: whole.replace(old, new)})
    status = up.until(
        lambda status: any(
            each.type == "Stalled" and each.holds for each in status.deployments[0].conditions
        )
    )

    stalled = status.deployments[0].conditions[-1]
    assert (stalled.reason, path in stalled.message) == ("Malformed", True)
    assert said in stalled.message
    assert status.deployments[0].running[0].digest == good.text
    with Traffic(status.gateway) as traffic:
        while not traffic.answered:
            time.sleep(0.01)
    here.commit({path: whole})
    up.until(lambda status: runs(status, good))


def test_only_one_may_run_and_a_taken_port_says_so(serving: Serving) -> None:
    code, words = goldenpath(serving.here.home, "up", "--once")
    assert (code, "already runs" in str(words)) == (2, True)

    status = serving.up.until(lambda status: bool(status.gateway))
    other = serving.here.folder / "other"
    other.mkdir()
    code, words = goldenpath(OneMachine(other).home, "up", "--once", "--listen", status.gateway)
    assert (code, "another program has the port" in str(words)) == (5, True)


def test_a_commit_by_a_stranger_is_not_followed(serving: Serving) -> None:
    """The last one here: nobody can take such a commit out of the history again."""
    here, good = serving.here, serving.good
    other = here.release(0.5)

    here.deploy((other, 100), key=SshKey.generate(here.folder / "stranger"))
    status = serving.up.until(
        lambda status: any(each.type == "Stalled" and each.holds for each in status.conditions)
    )

    assert status.deployments[0].running[0].digest == good.text


def test_killing_it_at_random_moments_loses_nothing(here: OneMachine) -> None:
    source = random.Random(5)  # noqa: S311 - moments of a test
    one = here.release()
    head = here.deploy((one, 100))
    answered: list[str] = []
    children: set[Path] = set()
    before = 0
    for number in range(at_size(3, 10)):
        up = here.up()
        if number % 2 == 0:
            status = up.until(lambda status: runs(status, one))
            with Traffic(status.gateway) as traffic:
                time.sleep(source.uniform(0, 0.3))
                children.update(up.children())
                up.kill()
            answered += traffic.answered
        else:
            time.sleep(source.uniform(0, 0.8))
            up.kill()
        log = EventLog(here.home.events)
        checked = log.check()
        assert checked.holds and checked.events >= before
        before = checked.events
        assert here.repository.fetch() == head
    _is_noticed(here)
    with here.up() as up:
        # Asked at once: what the killed one published is no answer.
        code, shown = goldenpath(here.home, "status", "--wait", str(PATIENCE))
        assert code == 0 and isinstance(shown, dict)
        assert shown["process"] == up.process.pid
        up.until(lambda status: runs(status, one))

    assert answered
    give_up = time.monotonic() + 30
    while left_over(children):
        assert time.monotonic() < give_up, left_over(children)
        time.sleep(0.05)
    found = sealed(here)
    assert {found[each] for each in answered} == {1}
    assert set(found.values()) == {1}
    assert check_log(here.home).holds
    assert find_prediction(here.home, answered[0]).release == one.text
    assert find_prediction(here.home, answered[-1]).release == one.text
    assert EventLog(here.home.events).check().holds
    git = ["git", f"--git-dir={here.home.gitops}"]
    subprocess.run([*git, "fsck", "--full", "--strict"], check=True, capture_output=True)
    now = subprocess.run([*git, "rev-parse", "main"], check=True, capture_output=True, text=True)
    assert now.stdout.strip() == head


def _is_noticed(here: OneMachine) -> None:
    """What says that the machine was killed: status and inventory now, the audit log for ever."""
    code, status = goldenpath(here.home, "status")
    assert code == 7 and isinstance(status, dict)
    code, inventory = goldenpath(here.home, "inventory")
    assert code == 7 and isinstance(inventory, dict)
    assert [each["running"] for each in inventory["cells"]] == [None]
    _, live = goldenpath(here.home, "at", "now")
    assert "uncertain" in json.dumps(live)
    started = [each for each in EventLog(here.home.events).read() if each.kind[:8] == "platform"]
    assert {each.kind for each in started} == {"platform.started"}
    assert any(each.details and each.details.get("seen") for each in started)


def test_a_machine_that_hangs_is_no_machine_that_runs(serving: Serving) -> None:
    status = serving.up.until(lambda status: bool(status.gateway))
    at = datetime.fromisoformat(status.time)

    assert silence(status, at + timedelta(seconds=5)) is None
    assert silence(status, at + timedelta(minutes=2)) == timedelta(minutes=2)
