"""How long gates take over the evaluation rows of two releases."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from tests.promote.example import platform
from tests.promote.road import CONTRACT, METRICS, documents, good_run

from bench.measurement import Measurement
from goldenpath.digest import Digest
from goldenpath.project.statements import CARD
from goldenpath.promote.gates.fact_gates import GATES
from goldenpath.promote.gates.gate import Evidence, Live, judge_all
from goldenpath.promote.gates.written_gates import written_gates
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.platform import GATES as NAMES
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.evaluation.evaluation_rows import Rows, parse_rows, render_rows

ROWS = 10_000
VERDICTS = 1_000
OWN = Expression("own", ("prod",), "metrics.all(m, m.rows > 10) && overall.roc_auc.low > 0.8")


def run() -> Iterator[Measurement]:
    """All gates of a last stage, again and again, the paired comparison among them."""
    stage = Stage("prod", NAMES, approvals=2)
    evidence = _evidence(stage)
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    start, done = time.perf_counter(), 0
    gates = (*GATES, *written_gates(evidence.platform))
    while done < VERDICTS:
        done += len(judge_all(gates, evidence, stage, now))
    value = time.perf_counter() - start
    note = f"{len(gates)} gates in turn, one of them in CEL, champion paired on all rows"
    yield Measurement(4, "1,000 gates over 10,000 rows", value, "s", 2, value <= 2, note)


def _evidence(stage: Stage) -> Evidence:
    digest, run = Digest.of(b"release"), good_run()
    texts = documents()
    texts[CARD] = texts.pop("card.md")
    scanned = scan_statement(scan({}, run.environment.packages), (digest,))
    said = (*statements(run, (digest,), builder="bench"), scanned)
    signed = tuple(
        SignedStatement(each, "release", Digest.of(each.render()), "machine") for each in said
    )
    return Evidence(
        digest=digest,
        model=CONTRACT.name,
        verified=Verified(digest, signed, ()),
        contract=CONTRACT,
        documents=texts,
        live=Live(Digest.of(b"live"), CONTRACT, METRICS, _rows(1)),
        before_since=datetime(2026, 11, 1, tzinfo=UTC),
        actor="platform-engineer",
        platform=replace(platform(), stages=(stage,), expressions=(OWN,)),
        rows=_rows(2),
    )


def _rows(seed: int) -> Rows:
    draw = np.random.default_rng(0)
    chance = draw.beta(1, 4, ROWS)
    target = (draw.random(ROWS) < chance).astype(np.float64)
    score = np.clip(chance + np.random.default_rng(seed).normal(0, 0.02, ROWS), 0, 1)
    return parse_rows(render_rows(range(ROWS), target, score, {}))
