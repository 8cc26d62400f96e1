"""What a drift does to decisions, as a text for the receiver of an alarm."""

from datetime import datetime
from pathlib import Path

from goldenpath.observe.drift.decision_shift import decision_shift


def decision_effect(
    predictions: Path, deployment: tuple[str, str, str], since: datetime, until: datetime
) -> str:
    """Return how many decisions of a release are different; empty if the log has none.

    `deployment` is stage, model and digest. Raises `OSError` or `pyarrow.ArrowInvalid` if a segment
    cannot be read.
    """
    shift = decision_shift(predictions, deployment, since, until)
    return "" if shift is None else "; ".join([shift.sentence, *shift.parts])
