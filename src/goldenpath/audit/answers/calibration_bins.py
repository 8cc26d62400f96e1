"""The calibration of a release on its evaluation rows, in bins of equal size, with intervals."""

import math

import numpy as np

from goldenpath.audit.report.evidence_bundle import CalibrationBin
from goldenpath.errors import GoldenPathError
from goldenpath.oci.store import Store
from goldenpath.project.spec import Contract
from goldenpath.promote.workspace.release_reader import read_rows
from goldenpath.release.attest.policy import Verified
from goldenpath.train.evaluation.evaluation_rows import Floats, Rows
from goldenpath.train.evaluation.metrics import BINS, MIN_ROWS, Z, calibration_bins, share


def calibration_of(
    store: Store, verified: Verified, contract: Contract
) -> tuple[CalibrationBin, ...]:
    """Return the bins; none if the rows that the signed evaluation names cannot be read.

    For a model of classes, an answer is the probability of the likeliest class, and the outcome is
    whether that class came.
    """
    try:
        rows = read_rows(store, verified, contract)
    except GoldenPathError:  # the plot is left out; gate and report judge by the signed metrics
        return ()
    return () if rows is None or not len(rows) else _bins(*_answers(rows, contract), contract)


def _answers(rows: Rows, contract: Contract) -> tuple[Floats, Floats]:
    """Return what the model said of each row, and what came."""
    if contract.task != "classes":
        return rows.score[:, 0], rows.target
    return rows.score.max(axis=1), (rows.score.argmax(axis=1) == rows.target).astype(np.float64)


def _bins(said: Floats, came: Floats, contract: Contract) -> tuple[CalibrationBin, ...]:
    places = calibration_bins(said)
    members = (places == number for number in range(BINS))
    return tuple(_bin(said[each], came[each], contract) for each in members if each.any())


def _bin(said: Floats, came: Floats, contract: Contract) -> CalibrationBin:
    rows, observed = len(came), float(came.mean())
    low: float | None
    high: float | None
    if contract.task != "value":
        estimate = share(came == 1)
        low, high = estimate.low, estimate.high
    elif rows < MIN_ROWS:
        low, high = None, None
    else:
        half = Z * float(came.std(ddof=1)) / math.sqrt(rows)
        low, high = observed - half, observed + half
    return CalibrationBin(
        _rounded(float(said.mean())),
        _rounded(observed),
        None if low is None else _rounded(low),
        None if high is None else _rounded(high),
        rows,
    )


def _rounded(value: float) -> float:
    """Return six digits: sums on other processors differ in the last ones."""
    return float(f"{value:.6g}")
