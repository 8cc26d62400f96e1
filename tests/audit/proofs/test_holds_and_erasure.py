"""Holds keep named records until two people lift them; erasures are certified, proofs hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.answers.hold_watch import HoldWatch
from goldenpath.audit.events.event_log import EventLog
from goldenpath.audit.proofs.erasure_certificate import ERASURE
from goldenpath.cli import log, prove
from goldenpath.deploy.reconcile.status import Status
from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.observe.log.keeping.kept_until import kept_classes
from goldenpath.observe.log.keeping.legal_hold import KeptByHolds, read_holds
from goldenpath.observe.log.log_reader import find_prediction, log_public_key
from goldenpath.observe.log.retention import end_what_is_old
from goldenpath.processes.observer_launch import Keep, Keeping
from goldenpath.release.attest.bundle import Bundle
from goldenpath.release.attest.signatures.p256 import is_signed
from goldenpath.release.attest.statement import Statement
from tests.audit.proofs.proven_home import ProvenHome, seal_many, serve_a_home

LATER = datetime(2027, 6, 1, tzinfo=UTC)
SHORT = Keeping((Keep("prod", inputs=5, records=5),))


@dataclass(frozen=True, slots=True)
class Kept:
    """A platform whose log a witness holds."""

    proven: ProvenHome

    def ask(self, *words: str, who: str = "validator") -> Result:
        """`goldenpath log` as a person calls it."""
        key = self.proven.served.home.root.parent / who
        acting = ["--as", who, "--key", str(key), "--reason", "a request"]
        words = words if words[0] in ("check", "retention") else (*words, *acting)
        return CliRunner().invoke(log.verb, words, env=self.proven.served.environment)

    def proof(self, file: Path) -> bytes:
        """The bundle about the prediction."""
        words = [self.proven.served.prediction_id, "--bundle", str(file)]
        done = CliRunner().invoke(prove.verb, words, env=self.proven.served.environment)
        assert done.exit_code == 0, done.exception
        return file.read_bytes()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    home = serve_a_home(tmp_path_factory.mktemp("kept"))
    seal_many(home.served.home, home.served.made, [0.1, 0.2])
    home.anchor()
    return Kept(home)


def test_a_hold_keeps_from_erasure_and_expiry_until_two_people_lift_it(
    kept: Kept, tmp_path: Path
) -> None:
    home, prediction = kept.proven.served.home, kept.proven.served.prediction_id
    before = kept.proof(tmp_path / "before")

    assert "keeps 1 records" in kept.ask("hold", "case-7", "--subject", "client").stdout
    for lifter in ("validator", "validator"):
        refused = kept.ask("erase", "client", who="manager")
        assert isinstance(refused.exception, InvalidInput)
        assert "kept by hold case-7: nothing was erased" in refused.exception.message
        assert find_prediction(home, prediction).inputs is not None
        gone = kept.ask("expire", "inputs", "--days", "1", "--output", "json", who="manager")
        assert json.loads(gone.stdout)["gone"] == []
        gone = kept.ask("expire", "records", "--days", "1", "--output", "json", who="manager")
        assert [name for name in json.loads(gone.stdout)["gone"] if "-one-" in name] == []
        assert "one person" not in kept.ask("lift", "case-7", who=lifter).stdout

    assert read_holds(home)[0].is_in_force, "the same person twice is one person"
    assert kept.ask("lift", "case-7", who="manager").stdout == "hold case-7: lifted\n"
    assert kept.ask("erase", "client", who="manager").exit_code == 0
    assert find_prediction(home, prediction).inputs_state == "erased"
    assert kept.proof(tmp_path / "after") == before, "all proofs still verify"
    assert kept.ask("check").exit_code == 0


def test_the_certificate_is_signed_and_names_nobody(kept: Kept) -> None:
    home = kept.proven.served.home
    (file,) = home.erasures.glob("*.json")
    envelope = Bundle.parse(file.read_bytes()).envelope
    statement = Statement.parse(envelope.payload)

    assert is_signed(log_public_key(home), envelope.signed, envelope.signatures[0].value)
    assert statement.predicate_type == ERASURE
    assert (statement.predicate["records"], statement.predicate["damaged"]) == (1, [])
    assert b"client" not in envelope.payload
    event = [each for each in EventLog(home.events).read() if each.kind == "subject.erased"][-1]
    assert event.details and event.details["subject_ref"] == statement.predicate["subject_ref"]


def test_the_observer_ends_nothing_that_a_hold_keeps(kept: Kept) -> None:
    home = kept.proven.served.home
    prediction = kept.proven.served.prediction_id
    assert kept.ask("hold", "case-8", "--prediction", prediction).exit_code == 0

    events = [event for event in end_what_is_old(home, SHORT, LATER) if event["what"] == "inputs"]

    assert events == [], "the only day is kept"
    assert find_prediction(home, prediction).segment
    page = kept.ask("retention").stdout
    assert "hold case-8: in force, lifted by 0 of 2; 1 records, placed by validator" in page
    assert "prod inputs: kept without end; 1 days" in page and "1 kept by a hold" in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: None, "the file of hold case-8 is gone"),
        (lambda content: content.replace(b'"validator"', b'"manager"'), "does not match"),
        (lambda content: content.replace(b'"act":"hold"', b'"act":"lift"'), "does not match"),
        (lambda content: content[:-9], "not valid JSON"),
    ],
)
def test_a_hold_that_was_removed_or_bent_still_counts(
    kept: Kept, change: Callable[[bytes], bytes | None], message: str
) -> None:
    file = kept.proven.served.home.holds / "case-8.json"
    before = file.read_bytes()
    file.unlink()
    changed = change(before)
    if changed is not None:
        file.write_bytes(changed)
    try:
        result = kept.ask("expire", "records", "--days", "1")
    finally:
        file.write_bytes(before)

    assert isinstance(result.exception, VerificationError | InvalidInput)
    assert message in result.exception.message


def test_without_the_file_of_a_hold_the_observer_ends_nothing_and_says_so(kept: Kept) -> None:
    home = kept.proven.served.home
    status = Status(LATER.isoformat(), 1, "c" * 40, "127.0.0.1:1", (), ())
    watch, other = HoldWatch(home), HoldWatch(home)
    assert watch(status) == () and watch.in_force == ("case-8",)
    assert check_logs(home).states.faults == ()
    keeping = replace(SHORT, holds=watch.in_force)
    file = home.holds / "case-8.json"
    before = file.read_bytes()
    file.unlink()
    try:
        with pytest.raises(VerificationError, match="case-8 is in force by the audit log"):
            list(end_what_is_old(home, keeping, LATER))
        (alarm,) = other(status)
        (fault,) = check_logs(home).states.predictions.faults
    finally:
        file.write_bytes(before)

    assert alarm.what == "hold" and "the file of hold case-8 is gone" in alarm.message
    assert "the file of hold case-8 is gone" in fault
    assert find_prediction(home, kept.proven.served.prediction_id).segment


def test_acts_of_another_hold_lift_nothing(kept: Kept) -> None:
    """The lifts of a case that was lifted are copied into one that is in force."""
    home = kept.proven.served.home
    lifted, forced = read_holds(home)
    assert not lifted.is_in_force and forced.is_in_force

    with pytest.raises(VerificationError, match="does not match"):
        _ = type(forced)(1, forced.case, forced.records, (*forced.acts, *lifted.acts)).is_in_force


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["hold", "case-8", "--subject", "nobody"], NotFound),
        (["hold", "case-9"], InvalidInput),
        (["hold", "../x", "--prediction", "p"], InvalidInput),
        (["hold", "case-9", "--prediction", "f" * 32], NotFound),
        (["lift", "case-9"], NotFound),
        (["lift", "../../trust"], InvalidInput),
    ],
)
def test_wrong_words_are_refused(kept: Kept, words: list[str], error: type[Exception]) -> None:
    if "p" in words:
        words = [kept.proven.served.prediction_id if each == "p" else each for each in words]

    assert isinstance(kept.ask(*words).exception, error)


def test_a_case_is_placed_once(kept: Kept) -> None:
    words = ("hold", "case-8", "--prediction", kept.proven.served.prediction_id)

    result = kept.ask(*words)

    assert isinstance(result.exception, InvalidInput)
    assert "in force already" in result.exception.message


def test_retention_counts_what_ends_by_the_rules(kept: Kept) -> None:
    home = kept.proven.served.home
    answered = datetime(2026, 11, 22, 13, 30, tzinfo=UTC)
    nothing = KeptByHolds({}, {}, {})
    early, late = (
        {
            each.what: each
            for each in kept_classes(home, SHORT.stages, nothing, answered + timedelta(days=days))
        }
        for days in (5, 6)
    )

    assert early["inputs"].ends == "2026-11-28T00:00:00.000000Z"
    assert (early["inputs"].ending, late["inputs"].ending) == (0, 1)
    assert late["records"].ending == late["records"].count >= 1
    forever = replace(SHORT.stages[0], inputs=0, records=0)
    assert all(not each.ends for each in kept_classes(home, (forever,), nothing, LATER))
