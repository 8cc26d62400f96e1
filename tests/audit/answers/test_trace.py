"""From one answer to everything behind it, over a real log, registry and repository."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.audit.answers.predictions import answers_at, summarise
from goldenpath.audit.answers.trace import opened_texts, render_trace, trace
from goldenpath.audit.events.event import Event, Kind
from goldenpath.cli import at
from goldenpath.cli import trace as verb
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import Home
from goldenpath.observe.log.log_reader import find_prediction
from goldenpath.project.spec import Contract, Feature, MonitorSettings
from goldenpath.project.task.feature_parts import expanded
from goldenpath.project.task.text_parts import packed
from goldenpath.release.attest.policy import SignedStatement
from goldenpath.release.renewal import Renewal, RenewalCause, renewal_statement
from tests.audit.made import bundle_of, documents, make_release
from tests.audit.served import ANSWERED, Served, serve_once


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    yield serve_once(tmp_path_factory.mktemp("served"))[0]


def opening(served: Served) -> list[str]:
    """The flags by which somebody with a role opens the inputs."""
    key = served.home.root.parent / "validator"
    return ["--open", "--reason", "a complaint", "--as", "validator", "--key", str(key)]


def test_an_answer_leads_to_model_data_code_and_people(served: Served) -> None:
    result = CliRunner().invoke(
        verb.verb, [served.prediction_id, *opening(served)], env=served.environment
    )

    for word in (
        served.made.image.digest.text,
        "a" * 40,
        "panel: 30000 rows",
        "seed 7",
        "sex=2: roc_auc",
        "accept",
        "gate       pass           evidence",
        "approved   manager (manager)",
        "approved   validator (validator)",
        "signed by  platform-engineer",
        "server     one",
        "cosign verify",
        "used for   consumer loan",
        "channel    branch",
        "oversight  human-in-loop, set by the caller",
        "cut-off    0.",
        "sources    bureau Q-17, features snapshot-9",
        "0 of an unseen category, 1:00:00 old",
        ", stable",
    ):
        assert word in result.stdout, word
    assert "FINDING" not in result.stdout


def test_a_trace_is_data_too(served: Served) -> None:
    result = CliRunner().invoke(
        verb.verb,
        [served.prediction_id, *opening(served), "--output", "json"],
        env=served.environment,
    )

    made = json.loads(result.stdout)
    assert made["is_verified"] is True
    assert made["prediction"]["inputs"] == {"age": 35.0, "sex": 2.0}
    assert made["live"]["shares"][0]["observed"] is None
    assert made["origin"]["seed"] == 7


def test_a_renewal_that_a_person_signed_stands_with_the_data(served: Served) -> None:
    bundle = bundle_of(served.made)
    prediction = find_prediction(served.home, served.prediction_id)
    cause = RenewalCause("drift-1", "prod", "shift", "age", "sha256:ab", "2026-11-22", "drift")
    renewal = Renewal("credit", "2026-09-30", "a" * 40, "renew/credit", (), cause=cause)
    signed = SignedStatement(
        renewal_statement(renewal, bundle.digest), "validator", Digest.of(b"renewal"), "person"
    )
    statements = (*bundle.verified.statements, signed)
    verified = replace(bundle.verified, statements=statements)

    page = render_trace(trace(prediction, replace(bundle, verified=verified)))
    without = render_trace(trace(prediction, bundle))

    assert "renewed    by validator: trained again with data up to 2026-09-30, because of" in page
    assert "finding drift-1 (shift of age in prod)" in page
    assert "renewed" not in without


@pytest.mark.parametrize("state", ["erased", "expired"])
def test_a_key_that_is_gone_without_an_event_is_a_finding(served: Served, state: str) -> None:
    found = find_prediction(served.home, served.prediction_id)
    without = replace(found, inputs=None, inputs_state=state)
    bundle = bundle_of(served.made)
    kind: Kind = "subject.erased" if state == "erased" else "log.expired"
    reference = str(found.record["subject_ref"])
    event = Event("2026-11-23T11:00:00.000000Z", kind, "clerk", details={"subject_ref": reference})
    known = replace(bundle, events=(*bundle.events, event))

    assert trace(found, bundle).lost == trace(without, known).lost == ()
    assert f"no event says that they were {state}" in trace(without, bundle).lost[0]


def test_an_unknown_answer_is_not_found(served: Served) -> None:
    result = CliRunner().invoke(verb.verb, ["0" * 32], env=served.environment)

    assert isinstance(result.exception, NotFound)


def test_a_trace_as_of_a_time_knows_nothing_of_later(served: Served) -> None:
    def ask(minutes: float) -> Result:
        moment = (ANSWERED + timedelta(minutes=minutes)).isoformat()
        words = [served.prediction_id, "--at", moment, "--output", "json"]
        return CliRunner().invoke(verb.verb, words, env=served.environment)

    sealed = ask(1)

    assert sealed.exit_code == 0, sealed.exception
    before = ask(-1).exception
    assert isinstance(before, NotFound) and "was not in the sealed log yet" in before.message


def test_a_trace_over_another_release_is_refused(served: Served, tmp_path: Path) -> None:
    prediction = find_prediction(served.home, served.prediction_id)
    other = bundle_of(make_release(tmp_path, {**documents(), "card.md": b"# another\n"}))

    with pytest.raises(VerificationError, match="is of the release"):
        trace(prediction, other)


def test_the_records_of_a_release_are_counted(served: Served) -> None:
    digest, later = served.made.image.digest, ANSWERED + timedelta(minutes=1)
    found = summarise(served.home, digest, later)
    before = summarise(served.home, digest, ANSWERED)

    assert found is not None
    assert (found.records, found.lost) == (1, 0)
    assert before is None, "nothing was sealed by then"
    assert summarise(Home(served.home.root / "none"), digest, later) is None


def test_answers_of_a_minute_are_counted_by_release(served: Served) -> None:
    now = answers_at(served.home, ANSWERED)
    later = answers_at(served.home, ANSWERED + timedelta(minutes=5))

    assert now is not None and later is not None
    assert now.by_release == {("prod", "credit"): {served.made.image.digest.text: 1}}
    assert now.by_process == {("prod", "credit"): {"consumer loan": 1}}
    assert later.by_release == {}
    text = CliRunner().invoke(at.verb, [ANSWERED.isoformat()], env=served.environment).stdout
    assert "1 answers in that minute" in text
    assert "used for consumer loan: 1 in that minute" in text


def test_a_page_shows_the_text_instead_of_its_numbers_and_nothing_less(served: Served) -> None:
    known = find_prediction(served.home, served.prediction_id)
    inputs = {"note_0": 97.0, "note_total": 5.0, "age": 1.0}
    opened = replace(known, inputs=inputs)
    made = replace(
        trace(known, bundle_of(served.made)), prediction=opened, texts={"note": "a\u202e"}
    )

    page = render_trace(made)

    assert "note = 'a\\u202e'" in page
    assert "note_total = 5" in page and "age = 1" in page
    assert "note_0" not in page


def test_an_opened_text_is_read_from_its_numbers() -> None:
    parts = (Feature("amount", "number"), *(
        Feature(**part)  # type: ignore[arg-type]
        for part in expanded({"name": "note", "kind": "text", "bytes": 9})
    ))  # fmt: skip
    contract = Contract("it", parts, "p", None, MonitorSettings())
    numbers = packed(["my card"], 3)[0].tolist()
    inputs = {"amount": 1.0, **{f"note_{place}": each for place, each in enumerate(numbers)}}

    assert opened_texts(inputs, contract) == {"note": "my card"}
    assert opened_texts({**inputs, "note_0": None}, contract) == {"note": None}
    assert opened_texts(None, contract) == opened_texts({"amount": 1.0}, contract) == {}
