"""What a stage demands of its log, from a commit to the processes of `goldenpath up`."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import urllib3

from goldenpath.audit.events.event_log import EventLog
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.log_rules import LogRules
from goldenpath.release.attest.keys import generate_key
from tests.deploy.platform import OneMachine
from tests.observe.spooling import answer, draw, header, spool_path, write_spool
from tests.serve.running import ROW, question

PATH = "/dev/credit/v2/models/credit/infer"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk for the spool, that can be full."""
    folder = tmp_path / "home" / "spool"
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED on a full disk: only root may mount one")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _fill(folder: Path) -> None:
    with (folder / "filling").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"\0" * 512)
            except OSError:
                return


def _set(here: OneMachine, rules: LogRules) -> None:
    """One commit that changes what dev demands."""
    platform = here.trusted().platform
    stages = (replace(platform.stages[0], log=rules), *platform.stages[1:])
    here.commit(platform_files(replace(platform, stages=stages)))


def _until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.05)


def test_a_stage_decides_what_happens_without_room_for_records(tmp_path: Path, disk: Path) -> None:
    here = OneMachine(tmp_path)
    _set(here, LogRules("refuse"))
    here.deploy((here.release(), 100))
    body = json.dumps(question(ROW)).encode()
    with here.up() as up, urllib3.PoolManager(retries=False) as pool:
        status = up.until(lambda status: status.is_ready and bool(status.deployments))

        def ask() -> urllib3.BaseHTTPResponse:
            return pool.request("POST", f"http://{status.gateway}{PATH}", body=body)

        assert ask().status == 200
        _fill(disk)
        refused = ask()
        while refused.status == 200:  # what was left of the last page
            _fill(disk)
            refused = ask()
        assert refused.status == 503 and b"cannot be recorded" in refused.data
        assert refused.headers["retry-after"] == "1"

        _set(here, LogRules("serve"))  # a server that runs hears of it
        _until(lambda: ask().status == 200)
        served = 1 + sum(ask().status == 200 for _ in range(4))
        _set(here, LogRules("refuse"))
        _until(lambda: ask().status == 503)
        (disk / "filling").unlink()
        _until(lambda: ask().status == 200)
    (replica,) = check_log(here.home).replicas
    assert replica.lost >= served and replica.missing == 0 and check_log(here.home).holds


def test_a_stage_keeps_its_log_as_long_as_it_says(tmp_path: Path) -> None:
    here = OneMachine(tmp_path)
    home = here.home
    subjects, signer = Subjects(home.keys), generate_key(home.log_key)
    for replica in ("r1", "r2"):
        path = spool_path(home.spool, replica=replica)
        write_spool(path, [answer(0, draw(2, 1), subjects=["a", "b"])])
    log = PredictionLog(home.predictions, subjects, signer, lambda digest: None)
    for batch in Tail(home.spool, log.resume, pytest.fail).batches():
        log.add(batch, 0.0)
        log.seal(batch.path, datetime.now(UTC) - timedelta(days=100))
        batch.path.unlink()
    subjects.close()
    tables = [table_of(each) for each in checkpoints(home.predictions)]
    assert len(tables) == 2 and all(table.exists() for table in tables)
    platform = here.trusted().platform
    (prod,) = (stage for stage in platform.stages if stage.name == header().stage)
    rules = LogRules("serve", timedelta(days=30), timedelta(days=3650))

    with here.up():
        for changed in (rules, replace(rules, records=timedelta(days=30))):
            stages = [replace(s, log=changed) if s == prod else s for s in platform.stages]
            before = len(_expired(here))
            here.commit(platform_files(replace(platform, stages=tuple(stages))))
            _until(partial(_has_more, here, before))

    inputs, records = _expired(here)
    day = f"{datetime.now(UTC) - timedelta(days=100):%Y-%m-%d} prod"
    assert inputs == ("inputs", "prod", [day])
    assert records[:2] == ("records", "prod")
    assert not any(table.exists() for table in tables)
    assert check_log(home).holds


def _has_more(here: OneMachine, before: int) -> bool:
    return len(_expired(here)) > before


def _expired(here: OneMachine) -> list[tuple[object, ...]]:
    found = [each for each in EventLog(here.home.events).read() if each.kind == "log.expired"]
    assert all(each.actor == "system" and each.commit and each.details for each in found)
    return [
        ((each.details or {})["what"], each.stage, (each.details or {})["gone"]) for each in found
    ]
