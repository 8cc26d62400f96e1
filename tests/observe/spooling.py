"""Spool files as a model server leaves them, and a small release to go with them."""

import secrets
from pathlib import Path

import msgspec
import numpy as np

from goldenpath.drift.profile import Floats, Profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.observe.log.release_rules import Facts
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.serve.protocol.inputs import ValueFault
from goldenpath.serve.record.spool_format import Answered, SpoolHeader, SpoolMark, render_frame

DIGEST = "sha256:" + "ab" * 32
START = 1_790_000_000_000_000_000
CONTRACT = Contract(
    name="credit",
    features=(Feature("income", "number"), Feature("status", "number")),
    output="default_probability",
    decision=DecisionPolicy(
        (Band("low", 0.3, "accept"), Band("middle", 0.6, "refer"), Band("high", 1.01, "decline"))
    ),
    monitor=MonitorSettings(floor_psi=0.1, false_alarms_a_year=0.05, look_rows=250),
)


def draw(rows: int, seed: int, new_code: float = 0.0) -> Floats:
    """Rows as in training; `new_code` of them have a status that training never saw."""
    random = np.random.default_rng(seed)
    status = random.choice([-1.0, 0.0, 2.0], rows, p=[0.3, 0.6, 0.1])
    status[random.random(rows) < new_code] = 1.0
    return np.column_stack([random.normal(100, 20, rows), status]).astype(np.float32)


def score(rows: Floats) -> Floats:
    """What stands for a model: a probability of each row."""
    return (1 / (1 + np.exp(-(rows[:, 1] + (rows[:, 0] - 100) / 20)))).astype(np.float32)


def profile() -> Profile:
    """The profile of 10,000 training rows."""
    rows = draw(10_000, 0)
    table = {"income": rows[:, 0], "status": rows[:, 1]}
    return build_profile(CONTRACT, table, score(rows))


FACTS = Facts(CONTRACT, profile())


def answer(
    sequence: int,
    rows: Floats,
    *,
    subjects: list[str] | None = None,
    refusal: str = "",
    traceparent: str = "",
    status: int = 200,
) -> Answered:
    """One request with its answer."""
    return Answered(
        prediction_id=secrets.token_hex(16),
        sequence=sequence,
        started=START + sequence * 1_000_000,
        duration=2_000_000,
        inference=300_000,
        status=status,
        rows=len(rows),
        inputs=rows.tobytes(),
        scores=score(rows).tobytes(),
        subjects=subjects,
        caller="branch-office",
        traceparent=traceparent,
        refusal=refusal,
    )


def refused(sequence: int, column: str, *, asked: int = 1) -> Answered:
    """One request that was refused: a code of `column` is not in the contract."""
    note = f"unknown code: row 0, column {column}: expected one of -1, 0, 2"
    item = answer(sequence, draw(0, 1), refusal=note, status=422)
    faults = (ValueFault(column, "code", asked),)
    return msgspec.structs.replace(item, asked=asked, faults=faults)


def header(replica: str = "r1", first: int = 0) -> SpoolHeader:
    """The header of a replica's file."""
    features = [feature.name for feature in CONTRACT.features]
    return SpoolHeader(1, "prod", "credit", "stable", DIGEST, replica, features, START, first)


def spool_path(folder: Path, number: int = 1, replica: str = "r1") -> Path:
    """Where a replica's file stands."""
    return folder / f"prod.credit.{replica}.{number:04d}.spool"


def write_spool(
    path: Path, answered: list[Answered], *, end: bool = True, lost: int = 0, first: int = 0
) -> None:
    """A spool file with one frame per answer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = [render_frame(header(path.name.split(".")[2], first))]
    frames += [render_frame([item]) for item in answered]
    if lost:
        after = answered[-1].sequence + 1 if answered else first
        frames.append(render_frame(SpoolMark(lost=lost, lost_rows=lost, first_lost=after)))
    if end:
        frames.append(render_frame(SpoolMark(end=True)))
    path.write_bytes(b"".join(frames))
