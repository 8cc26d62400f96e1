"""The verbs over a home in which an observer has worked."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.attest.keys import generate_key
from goldenpath.cli.log import verb as log
from goldenpath.observe.monitor import Monitor
from goldenpath.observe.payloadlog import PredictionLog
from goldenpath.observe.records import Block
from goldenpath.observe.report import drift_reports
from goldenpath.observe.segment import checkpoints, table_of
from goldenpath.observe.subjects import Subjects
from goldenpath.observe.tail import Tail
from goldenpath.settings import HOME_VARIABLE, Home
from tests.observe.spooling import FACTS, answer, draw, header, spool_path, write_spool

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    write_spool(spool_path(home.spool), [answer(i, draw(2, i)) for i in range(3)])
    subjects = Subjects(home.keys)
    signer = generate_key(home.log_key)
    writer = PredictionLog(home.predictions, subjects, signer, lambda digest: FACTS)
    for batch in Tail(home.spool, writer.resume, pytest.fail).batches():
        writer.add(batch, 0.0)
        writer.seal(batch.path, NOW)
        batch.path.unlink()
    subjects.close()
    return home


def _run(home: Home, *words: str) -> tuple[int, str]:
    done = CliRunner(env={HOME_VARIABLE: str(home.root)}).invoke(log, words)
    return done.exit_code, done.output


def test_the_log_is_checked_and_shown(home: Home) -> None:
    status, text = _run(home, "check")
    assert status == 0 and "6 records; the log holds" in text

    status, text = _run(home, "show", "--limit", "4", "--output", "json")
    shown = json.loads(text)
    assert status == 0 and [record["sequence"] for record in shown] == [2, 2, 1, 1]
    assert not {"input_ciphertext", "input_commitment"} & shown[0].keys()


def test_a_log_that_was_changed_is_not_a_success(home: Home) -> None:
    table_of(next(checkpoints(home.predictions))).write_bytes(b"something else")

    status, text = _run(home, "check")

    assert status != 0 and "wrong digest" in text


def test_drift_is_reported_from_what_the_monitor_left(home: Home) -> None:
    monitor = Monitor(home.drift, home.findings, lambda digest: FACTS)
    rows = draw(3000, 1, new_code=0.15)
    monitor.add(Block.of(header(), [answer(0, rows)]), NOW)
    monitor.save(NOW)

    (report,) = drift_reports(home, "*", "credit", lambda digest: FACTS)

    assert report.verdict.answer == "drift"
    assert report.verdict.columns[0].name == "status"
    assert [finding.state for finding in report.findings] == ["open"]
    assert list(drift_reports(home, "dev", "*", lambda digest: FACTS)) == []
