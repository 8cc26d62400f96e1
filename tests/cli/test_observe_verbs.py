"""The verbs over a home in which an observer has worked."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.event_log import EventLog
from goldenpath.canonical import JsonValue
from goldenpath.cli import performance
from goldenpath.cli.log import verb as log
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.observe.drift.drift_report import drift_reports
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.log.log_reader import find_prediction
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.segment import checkpoints, parse_checkpoint, table_of
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.promote.acts.founding import PlatformOptions
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.platform_setup import found
from goldenpath.release.attest.keys import generate_key
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.observe.spooling import FACTS, answer, draw, header, spool_path, write_spool

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    answered = [answer(i, draw(2, i), subjects=["client", "other"]) for i in range(3)]
    write_spool(spool_path(home.spool), answered)
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


@pytest.fixture
def governed(home: Home, tmp_path: Path) -> Home:
    """The same with a platform that lists who may act."""
    environment = {"PATH": os.environ["PATH"]}
    officer = Identity("security-officer", SshKey.generate(tmp_path / "officer"))
    repository = Repository(str(home.gitops), home.gitops_cache, environment)
    wishes = PlatformOptions("127.0.0.1:0", "registry.example/models", ("validator",))
    found(home, repository, officer, wishes, environment=environment, now=NOW)
    return home


def _acting(home: Home, *words: str) -> tuple[int, str, BaseException | None]:
    """As a security officer, who needs a reason."""
    who = ("--as", "security-officer", "--key", str(home.root / "officer"), "--reason", "a request")
    done = CliRunner(env={HOME_VARIABLE: str(home.root)}).invoke(log, [*words, *who])
    return done.exit_code, done.output, done.exception


def _ids(home: Home) -> list[str]:
    table = pq.read_table(table_of(next(checkpoints(home.predictions))))
    return [str(each) for each in table["prediction_id"].to_pylist()]


def test_who_is_not_listed_ends_nothing(governed: Home) -> None:
    (governed.root / "officer").write_bytes(b"")
    SshKey.generate(governed.root / "another")
    (governed.root / "another").replace(governed.root / "officer")

    for words in (("erase", "client"), ("expire", "inputs", "--days", "5")):
        refused = _acting(governed, *words)[2]
        assert isinstance(refused, InvalidInput) and "is not the key" in refused.message

    assert find_prediction(governed, _ids(governed)[0]).inputs is not None
    assert [*EventLog(governed.events).read()] == []


def test_one_person_is_erased_and_nobody_else(governed: Home) -> None:
    home = governed
    mine, other, *_ = _ids(home)
    assert find_prediction(home, mine).inputs is not None

    status, text, _ = _acting(home, "erase", "client")

    assert status == 0 and "the key is destroyed" in text
    assert find_prediction(home, mine).inputs_state == "erased"
    assert find_prediction(home, other).inputs is not None
    assert isinstance(_acting(home, "erase", "client")[2], NotFound)
    assert _run(home, "check")[0] == 0
    (event,) = EventLog(home.events).read()
    assert (event.kind, event.actor) == ("subject.erased", "security-officer")
    assert event.details and "client" not in str(event.details)


@pytest.mark.parametrize("stage", [(), ("--stage", "prod")])
def test_old_inputs_and_records_are_ended_and_the_rest_still_proves(
    governed: Home, stage: tuple[str, ...]
) -> None:
    home = governed
    first = _ids(home)[0]
    for what in ("inputs", "records"):
        elsewhere = _acting(home, "expire", what, "--days", "5", "--stage", "dev")[1]
        assert "0 days" in elsewhere or "0 segments" in elsewhere
        assert "0 " in _acting(home, "expire", what, "--days", "90000", *stage)[1]

    _, text, _ = _acting(home, "expire", "inputs", "--days", "5", *stage, "--output", "json")
    assert json.loads(text)["gone"] == ["2026-10-01 prod"]
    assert find_prediction(home, first).inputs_state == "expired"
    _, text, _ = _acting(home, "expire", "records", "--days", "5", *stage)
    assert "1 segments" in text
    with pytest.raises(NotFound):
        find_prediction(home, first)

    status, text = _run(home, "check")
    assert status == 0 and "1 segments expired" in text and "3 requests" in text
    assert "no record" in _run(home, "show")[1]
    kinds = [each.kind for each in EventLog(home.events).read()]
    assert set(kinds) == {"log.expired"}
    last = [*EventLog(home.events).read()][-1]
    assert last.details and last.details["reason"] == "a request"


def test_the_end_that_the_audit_log_noted_may_not_be_cut_off(home: Home) -> None:
    (path,) = checkpoints(home.predictions)
    noted = parse_checkpoint(path.read_bytes(), None)
    head: dict[str, JsonValue] = {
        "stage": "prod", "model": "credit", "replica": "r1", "number": 0, "digest": noted.content,
    }  # fmt: skip
    EventLog(home.events).append(
        Event("2026-10-01T10:00:00.000000Z", "log.anchored", "system", details={"heads": [head]})
    )
    assert _run(home, "check")[0] == 0

    table_of(path).unlink()
    path.unlink()

    done = CliRunner(env={HOME_VARIABLE: str(home.root)}).invoke(log, ["check"])
    assert isinstance(done.exception, VerificationError)
    assert "r1 segment 0 is gone: another record names it" in done.output


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


def test_groups_are_shown_to_nobody_without_a_reason(home: Home) -> None:
    words = ["credit", "--stage", "prod", "--by", "status"]
    said = CliRunner().invoke(performance.verb, words, env={"GOLDENPATH_HOME": str(home.root)})

    assert "expected --reason" in str(said.exception)
