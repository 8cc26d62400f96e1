"""A platform that gave one answer: registry, repository, and both logs, as small as possible."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from goldenpath.audit.events.event_log import EventLog
from goldenpath.drift.reference_profile import build_profile
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.log.spool_tail import Tail
from goldenpath.observe.log.subject_keys import Subjects
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.artifact.pack import Contents
from goldenpath.release.attest.keys import PemSigner, generate_key
from goldenpath.serve.protocol.request_context import RequestContext
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame
from goldenpath.settings import project_environment
from goldenpath.train.training_run import TrainingRun
from tests.audit.made import (
    PROMOTED,
    Made,
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


def seal(home: Home, made: Made, score: float = 0.2) -> str:
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
        scores=np.array([score], "<f4").tobytes(),
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


def serve_once(
    folder: Path,
    *,
    model: bytes = b"model",
    score: float = 0.2,
    change: Callable[[Contents], Contents] = lambda contents: contents,
    run: TrainingRun | None = None,
) -> tuple[Served, Grounds]:
    """Sets the platform up, releases, promotes, answers once and stops."""
    grounds = Grounds(folder, project_environment(os.environ, "python3"))
    home = grounds.home
    run = run or run_of(documents())
    known = tuple(replace(metric, rows=400, low=0.6, high=0.8) for metric in run.metrics)
    made = make_release(
        folder,
        run=replace(run, metrics=known),
        place=LayoutStore(home.registry),
        key=PemSigner.load(home.build_key),
        model=model,
        change=change,
    )
    grounds.list_people(made.people, FOUNDED)
    approvers = tuple(person.name for person in made.people)
    grounds.deploy("prod", {made.image.digest: 100}, PROMOTED, approved_by=approvers)
    for event in lived(made):
        EventLog(home.events).append(event)
    return Served(home, made, seal(home, made, score)), grounds
