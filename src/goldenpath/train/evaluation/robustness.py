"""How easily a decision of the packaged model changes: by noise, by a missing value, by a nudge.

Each is a share of evaluation rows whose band of the decision policy changes, 0 being best.

    robustness_noise    every number moved by Gaussian noise of 5 % of its standard deviation
    robustness_missing  one value absent; the worst of the features that may be absent
    robustness_flip     one mutable feature moved past at most 5 % of the training rows, or to the
                        code beside its own: the cheapest way to another decision
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from goldenpath.project.spec import Contract, Feature
from goldenpath.train.evaluation.decision_bands import bands
from goldenpath.train.evaluation.metrics import Estimate, share
from goldenpath.train.evaluation.score import Scorer

Floats = NDArray[np.float64]
Table = Mapping[str, Floats]

NOISE = 0.05
"""Standard deviation of the noise, in standard deviations of the feature."""
NUDGES = (-0.05, -0.02, -0.01, 0.01, 0.02, 0.05)
"""How far a mutable number is moved, as a share of the training rows that it passes."""
MAX_ROWS = 2000
"""Rows that are tried; evenly spaced where there are more."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A packaged model, rows to try it on, and the training rows that give the scale."""

    score: Scorer
    contract: Contract
    rows: Table
    reference: Table


def robustness(trial: Trial) -> Iterator[tuple[str, Estimate]]:
    """Name and estimate of each of the three that applies to this contract."""
    rows = {name: _some(values) for name, values in trial.rows.items()}
    before = bands(trial.contract.decision, trial.score(rows))

    def changed(name: str, values: Floats) -> NDArray[np.bool_]:
        tried = {**rows, name: values}
        return np.asarray(bands(trial.contract.decision, trial.score(tried)) != before)

    noisy = trial.score(_noisy(trial, rows))
    yield "robustness_noise", share(bands(trial.contract.decision, noisy) != before)
    absent = [
        share(changed(feature.name, np.full(len(before), np.nan)))
        for feature in trial.contract.features
        if feature.missing
    ]
    if absent:
        yield "robustness_missing", max(absent, key=lambda each: each.value)
    mutable = [feature for feature in trial.contract.features if feature.mutable]
    if mutable:
        flipped = np.zeros(len(before), bool)
        for feature in mutable:
            for values in _nudged(feature, rows[feature.name], trial.reference[feature.name]):
                flipped |= changed(feature.name, values)
        yield "robustness_flip", share(flipped)


def _some(values: Floats) -> Floats:
    at = np.linspace(0, len(values) - 1, min(MAX_ROWS, len(values))).astype(np.int64)
    return np.asarray(values, np.float64)[at]


def _noisy(trial: Trial, rows: Table) -> Table:
    draw = np.random.default_rng(0)
    noisy = dict(rows)
    for feature in trial.contract.features:
        # Drawn for each feature, so that another kind of one does not change the others' noise.
        noise = draw.normal(0, NOISE, len(rows[feature.name]))
        if feature.kind == "number":
            spread = float(np.nanstd(np.asarray(trial.reference[feature.name], np.float64)))
            noisy[feature.name] = _inside(feature, rows[feature.name] + noise * spread)
    return noisy


def _nudged(feature: Feature, values: Floats, reference: Floats) -> Iterator[Floats]:
    if feature.kind == "category":
        codes = np.sort(np.array(feature.categories))
        at = np.searchsorted(codes, values).clip(0, len(codes) - 1)
        for step in (-1, 1):
            yield codes[(at + step).clip(0, len(codes) - 1)]
        return
    known = np.sort(np.asarray(reference, np.float64))
    known = known[~np.isnan(known)]
    if not len(known):
        return
    ranks = np.searchsorted(known, values) / len(known)
    for nudge in NUDGES:
        moved = np.quantile(known, (ranks + nudge).clip(0, 1))
        # A missing value stays missing: to fill it in is another thing than to move it.
        yield np.where(np.isnan(values), values, _inside(feature, moved))


def _inside(feature: Feature, values: Floats) -> Floats:
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    inside: Floats = np.clip(values, low, high)
    return inside
