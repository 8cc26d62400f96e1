"""What a drift does to decisions: shares of outcomes since the onset and before it.

They come from the sealed prediction log, so they are counts of answers that were given.
"""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from goldenpath.observe.log.segment import checkpoints, table_of

MOST_SEGMENTS = 200
"""Segments that are read, the newest: about a million records."""
LONGEST = timedelta(days=7)
"""How long before the onset decisions are compared."""
_COLUMNS = ["t_start", "release_digest", "outcome", "decisive"]


def decision_effect(
    predictions: Path, deployment: tuple[str, str, str], since: datetime, until: datetime
) -> str:
    """Return one sentence about the decisions of a release; empty if the log has none.

    `deployment` is stage, model and digest. Raises `OSError` or `pyarrow.ArrowInvalid` if a segment
    cannot be read.
    """
    stage, model, release = deployment
    begin = max(since - LONGEST, since - max(until - since, timedelta(hours=1)) * 4)
    before, after = Counter[str](), Counter[str]()
    for path in [*checkpoints(predictions, stage, model)][-MOST_SEGMENTS:]:
        table = pq.read_table(table_of(path), columns=_COLUMNS)
        mine = table.filter(
            pc.and_(
                pc.equal(table["release_digest"].cast(pa.string()), pa.scalar(release)),
                table["decisive"],
            )
        )
        for counts, low, high in ((before, begin, since), (after, since, until)):
            inside = pc.and_(
                pc.greater_equal(mine["t_start"], pa.scalar(low, mine["t_start"].type)),
                pc.less(mine["t_start"], pa.scalar(high, mine["t_start"].type)),
            )
            counts.update(_outcomes(mine.filter(inside)))
    if not after:
        return ""
    parts = [_share(outcome, before, after) for outcome in sorted({*before, *after})]
    return "; ".join(parts)


def _outcomes(table: pa.Table) -> dict[str, int]:
    counted = table.group_by("outcome").aggregate([([], "count_all")]).to_pydict()
    pairs = zip(counted["outcome"], counted["count_all"], strict=True)
    return {str(outcome): int(number) for outcome, number in pairs if outcome is not None}


def _share(outcome: str, before: Counter[str], after: Counter[str]) -> str:
    now = f"{outcome} {after[outcome] / after.total():.1%} of {after.total()} since then"
    if not before:
        return f"{now}, nothing to compare before"
    return f"{now}, {before[outcome] / before.total():.1%} of {before.total()} before"
