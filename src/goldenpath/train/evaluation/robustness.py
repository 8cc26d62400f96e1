"""Robustness metrics: how often small changes of the input change the packaged model's decision.

Each metric is the share of evaluation rows that change their decision band; without a policy their
class, or their value by more than its tolerance. 0 is best.

    robustness_noise    Gaussian noise of 5 % of the standard deviation is added to every number;
                        in a text 5 % of the letters change places with the next one
    robustness_missing  one feature is missing; the worst of all features that may be missing
    robustness_flip     one mutable feature is moved past at most 5 % of the training rows, or to a
                        neighbouring code; a row counts if any such change suffices
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract, Feature
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.project.task.feature_parts import declared_features
from goldenpath.project.task.text_parts import packed, unpacked
from goldenpath.train.evaluation.metrics import Estimate, share
from goldenpath.train.evaluation.score import RowMatrix, Scorer

Floats = NDArray[np.float64]
Table = Mapping[str, Floats]

NOISE = 0.05
"""Standard deviation of the noise, in standard deviations of the feature."""
NUDGES = (-0.05, -0.02, -0.01, 0.01, 0.02, 0.05)
"""Moves of a mutable number, as shares of the training rows that it passes."""
MAX_ROWS = 2000
"""Largest number of tested rows. If there are more, evenly spaced rows are tested."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A packaged model, the rows to test, and the training rows, which define the scale."""

    score: Scorer
    contract: Contract
    rows: Table
    reference: Table


def robustness(trial: Trial) -> Iterator[tuple[str, Estimate]]:
    """Yield name and estimate of each metric that applies to the contract."""
    rows = {name: sampled(values) for name, values in trial.rows.items()}
    matrix = RowMatrix(trial.contract, rows)
    rules, before = AnswerRules(trial.contract), trial.score(matrix)

    def changed(name: str, values: Floats) -> NDArray[np.bool_]:
        with matrix.replaced(name, values):
            return rules.differs(trial.score(matrix), before)

    noisy = trial.score(_noisy(trial, rows))
    yield "robustness_noise", share(rules.differs(noisy, before))
    missing = [
        share(changed(feature.name, np.full(len(before), np.nan)))
        for feature in trial.contract.features
        if feature.missing and feature.part != "text"
    ]
    for columns in _optional_texts(trial.contract):
        gone = {**rows, **dict.fromkeys(columns, np.full(len(before), np.nan))}
        missing.append(share(rules.differs(trial.score(gone), before)))
    if missing:
        yield "robustness_missing", max(missing, key=lambda estimate: estimate.value)
    mutable = [feature for feature in trial.contract.features if feature.mutable]
    if mutable:
        flipped = np.zeros(len(before), bool)
        for feature in mutable:
            for values in _nudged(feature, rows[feature.name], trial.reference[feature.name]):
                flipped |= changed(feature.name, values)
        yield "robustness_flip", share(flipped)


def sampled(values: NDArray[np.generic]) -> Floats:
    """Return the rows that are tested, in the order of all; a sample of a sample is the same."""
    rows = np.linspace(0, len(values) - 1, min(MAX_ROWS, len(values))).astype(np.int64)
    return np.asarray(values[rows], np.float64)


def _noisy(trial: Trial, rows: Table) -> Table:
    draw = np.random.default_rng(0)
    noisy = dict(rows)
    for feature in trial.contract.features:
        # Drawn even for categories, so that the noise of a feature does not depend on the others.
        noise = draw.normal(0, NOISE, len(rows[feature.name]))
        if feature.kind == "number" and feature.part != "text":
            spread = float(np.nanstd(np.asarray(trial.reference[feature.name], np.float64)))
            noisy[feature.name] = _clipped(feature, rows[feature.name] + noise * spread)
    for columns in _texts(trial.contract):
        noisy |= _mistyped(columns, rows)
    return noisy


def _texts(contract: Contract) -> Iterator[list[str]]:
    """Yield the names of the columns of each text."""
    for declared in declared_features(contract):
        if declared.part == "text":
            place = slice(declared.start, declared.start + declared.width)
            yield [feature.name for feature in contract.features[place]]


def _optional_texts(contract: Contract) -> Iterator[list[str]]:
    """Yield the names of the columns of each text that callers may leave out."""
    may = {feature.name for feature in contract.features if feature.missing}
    yield from (columns for columns in _texts(contract) if columns[0] in may)


def _mistyped(columns: list[str], rows: Table) -> dict[str, Floats]:
    """Return the columns of a text in which some letters changed places with the next one."""
    draw = np.random.default_rng(0)
    changed: list[str | None] = []
    for text in unpacked(np.column_stack([rows[name] for name in columns])):
        letters = list(text or "")
        for place in np.flatnonzero(draw.random(max(len(letters) - 1, 0)) < NOISE).tolist():
            letters[place : place + 2] = letters[place + 1], letters[place]
        changed.append("".join(letters) or None)
    numbers = packed(changed, len(columns))
    return {name: numbers[:, place] for place, name in enumerate(columns)}


def _nudged(feature: Feature, values: Floats, reference: Floats) -> Iterator[Floats]:
    if feature.kind == "category":
        codes = np.sort(np.array(feature.codes))
        positions = np.searchsorted(codes, values).clip(0, len(codes) - 1)
        for step in (-1, 1):
            yield codes[(positions + step).clip(0, len(codes) - 1)]
        return
    ordered = np.sort(np.asarray(reference, np.float64))
    present = ordered[~np.isnan(ordered)]
    if not len(present):
        return
    ranks = np.searchsorted(present, values) / len(present)
    for nudge in NUDGES:
        moved = np.quantile(present, (ranks + nudge).clip(0, 1))
        # A missing value stays missing: filling it in is not a small move.
        yield np.where(np.isnan(values), values, _clipped(feature, moved))


def _clipped(feature: Feature, values: Floats) -> Floats:
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    clipped: Floats = np.clip(np.rint(values) if feature.whole else values, low, high)
    return clipped
