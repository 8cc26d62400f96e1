"""The bins of the calibration plot: ten of equal size, with intervals, rounded."""

import numpy as np

from goldenpath.audit.answers.calibration_bins import calibration_of
from goldenpath.digest import Digest
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.release.attest.policy import SignedStatement, Verified
from goldenpath.release.attest.statement import METRICS, Statement
from goldenpath.release.evidence.attached_rows import PARQUET
from goldenpath.train.evaluation.evaluation_rows import render_rows
from tests.audit.made import contract

ROWS = 2000


def rows_of(rate: float) -> bytes:
    """Rows whose outcome comes `rate` times as often as the score says."""
    draw = np.random.default_rng(3)
    score = np.linspace(0.01, 0.9, ROWS)
    target = (draw.random(ROWS) < score * rate).astype(np.float64)
    return render_rows(range(ROWS), target, score[:, None], {})


def verified(content: bytes) -> Verified:
    subject = Digest.of(b"release")
    predicate = {
        "version": 1, "level": 0.95, "metrics": [], "thresholds_digest": "",
        "thresholds_committed_at": "", "started_at": "", "rows": ROWS, "largest_skew": 0.0,
        "rows_digest": Digest.of(content).text, "rows_size": len(content),
    }  # fmt: skip
    statement = Statement((subject,), METRICS, predicate)  # type: ignore[arg-type]
    signed = SignedStatement(statement, "release", Digest.of(b"envelope"), "machine")
    return Verified(subject, (signed,), ())


def test_bins_of_equal_size_hold_what_was_said_and_what_came() -> None:
    content, store = rows_of(1.0), MemoryStore()
    store.add(PARQUET, [content])

    bins = calibration_of(store, verified(content), contract())

    assert [each.rows for each in bins] == [ROWS // 10] * 10
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    inside = [b for b in bins if b.low is not None and b.high is not None]
    assert sum((b.low or 0) <= b.predicted <= (b.high or 0) for b in inside) >= 9
    assert all(float(f"{b.observed:.6g}") == b.observed for b in bins)


def test_a_broken_calibration_lies_outside_of_its_intervals() -> None:
    content, store = rows_of(0.5), MemoryStore()
    store.add(PARQUET, [content])

    bins = calibration_of(store, verified(content), contract())

    assert sum(b.high is not None and b.high < b.predicted for b in bins) >= 8


def test_rows_that_the_store_lacks_or_that_were_altered_give_no_bins() -> None:
    content = rows_of(1.0)

    assert calibration_of(MemoryStore(), verified(content), contract()) == ()
    assert calibration_of(MemoryStore(), Verified(Digest.of(b"x"), (), ()), contract()) == ()
