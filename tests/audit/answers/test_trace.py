"""From one answer to everything behind it, over a real log, registry and repository."""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from goldenpath.audit.answers.predictions import answers_at, summarise
from goldenpath.audit.answers.trace import trace
from goldenpath.audit.events.event_log import EventLog
from goldenpath.cli import at
from goldenpath.cli import trace as verb
from goldenpath.drift.reference_profile import build_profile
from goldenpath.errors import NotFound, VerificationError
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.observe.log.log_reader import find_prediction
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame
from goldenpath.settings import project_environment
from tests.audit.made import (
    PROMOTED,
    Made,
    bundle_of,
    contract,
    documents,
    lived,
    make_release,
    run_of,
)
from tests.audit.platform import FOUNDED, Grounds

ANSWERED = PROMOTED + timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Served:
    """A platform that gave one answer."""

    home: Home
    made: Made
    prediction_id: str

    @property
    def environment(self) -> dict[str, str]:
        return {HOME_VARIABLE: str(self.home.root)}


def facts() -> Facts:
    random = np.random.default_rng(0)
    age = random.uniform(20, 80, 500).astype(np.float32)
    sex = random.choice([1.0, 2.0], 500).astype(np.float32)
    scores = random.uniform(0, 1, 500).astype(np.float32)
    return Facts(contract(), build_profile(contract(), {"age": age, "sex": sex}, scores))


def seal(home: Home, made: Made) -> str:
    """One answer about a woman of 35, spooled as a server does, sealed as the observer does."""
    started = int(ANSWERED.timestamp()) * 1_000_000_000
    digest = made.image.digest.text
    header = SpoolHeader(1, "prod", "credit", "stable", digest, "one", ["age", "sex"], started)
    answer = Answered(
        prediction_id=secrets.token_hex(16),
        sequence=0,
        started=started,
        duration=2_000_000,
        inference=300_000,
        status=200,
        rows=1,
        inputs=np.array([35.0, 2.0], "<f4").tobytes(),
        scores=np.array([0.2], "<f4").tobytes(),
        subjects=["client"],
        context=RequestContext(
            process="consumer loan",
            channel="branch",
            oversight="human-in-loop",
            features_at=started - 3600 * 1_000_000_000,
            references=[{"bureau": "Q-17", "features": "snapshot-9"}],
        ),
    )
    home.spool.mkdir(parents=True)
    frames = (render_frame(header), render_frame([answer]), render_frame(SpoolMark(end=True)))
    (home.spool / "prod.credit.one.0001.spool").write_bytes(b"".join(frames))
    generate_key(home.log_key)
    subjects = Subjects(home.keys)
    log = PredictionLog(
        home.predictions, subjects, PemSigner.load(home.log_key), lambda digest: facts()
    )
    tail = Tail(home.spool, log.resume, pytest.fail)
    for batch in tail.batches():
        log.add(batch, 0.0)
        log.seal(batch.path, ANSWERED + timedelta(seconds=5))
        tail.forget(batch.path)
    subjects.close()
    return f"{answer.prediction_id}-0"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    grounds = Grounds(folder, project_environment(os.environ, "python3"))
    home = grounds.home
    run = run_of(documents())
    known = tuple(replace(metric, rows=400, low=0.6, high=0.8) for metric in run.metrics)
    made = make_release(
        folder,
        run=replace(run, metrics=known),
        place=LayoutStore(home.registry),
        key=PemSigner.load(home.build_key),
    )
    grounds.list_people(made.people, FOUNDED)
    approvers = tuple(person.name for person in made.people)
    grounds.deploy("prod", {made.image.digest: 100}, PROMOTED, approved_by=approvers)
    for event in lived(made):
        EventLog(home.events).append(event)
    yield Served(home, made, seal(home, made))


def test_an_answer_leads_to_model_data_code_and_people(served: Served) -> None:
    result = CliRunner().invoke(verb.verb, [served.prediction_id], env=served.environment)

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
        verb.verb, [served.prediction_id, "--output", "json"], env=served.environment
    )

    made = json.loads(result.stdout)
    assert made["is_verified"] is True
    assert made["prediction"]["inputs"] == {"age": 35.0, "sex": 2.0}
    assert made["live"]["shares"][0]["observed"] is None
    assert made["origin"]["seed"] == 7


def test_an_unknown_answer_is_not_found(served: Served) -> None:
    result = CliRunner().invoke(verb.verb, ["0" * 32], env=served.environment)

    assert isinstance(result.exception, NotFound)


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
    assert (found.records, found.lost, found.findings) == (1, 0, ())
    assert before is not None
    assert before.records == 0
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
