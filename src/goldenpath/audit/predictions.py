"""The prediction log as a witness: how many records a release has, and who answered in a minute."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq

from goldenpath.audit.bundle import LogSummary
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.observe.logcheck import check_log
from goldenpath.observe.logread import log_public_key, verified
from goldenpath.observe.retention import is_expired, read_expired
from goldenpath.observe.segment import Checkpoint, checkpoints, parse_checkpoint, table_of
from goldenpath.settings import Home

HALF = timedelta(seconds=30)
"""Half of the window around a moment in which answers are counted."""


def summarise(home: Home, digest: Digest, until: datetime) -> LogSummary | None:
    """The records of one release that were sealed by then; None if there is no prediction log.

    Raises `VerificationError` if a checkpoint was not signed by the key of the log.
    """
    try:
        report = check_log(home)
        public_key = log_public_key(home)
    except NotFound:
        return None
    paths = checkpoints(home.predictions)
    sealed = [parse_checkpoint(path.read_bytes(), public_key) for path in paths]
    mine = [each for each in sealed if each.release == digest.text and _is_by(each, until)]
    names = {each.replica for each in mine}
    short = [each for each in report.replicas if each.missing and each.replica in names]
    missing = [f"{each.replica} misses {each.missing} requests" for each in short]
    return LogSummary(
        records=sum(each.rows for each in mine),
        first=min((each.first_time for each in mine if each.first_time), default=""),
        last=max((each.last_time for each in mine if each.last_time), default=""),
        lost=sum(each.lost for each in mine),
        # A break cannot be laid at the door of one release, so it counts against each.
        findings=(*report.breaks, *missing),
    )


def _is_by(checkpoint: Checkpoint, until: datetime) -> bool:
    return datetime.fromisoformat(checkpoint.sealed_at) <= until


def answers_at(home: Home, moment: datetime) -> Mapping[tuple[str, str], Mapping[str, int]] | None:
    """Records of the minute around `moment`, by stage and model, then release.

    None if there is no prediction log. Raises `VerificationError` if a segment is not what was
    signed.
    """
    try:
        public_key = log_public_key(home)
    except NotFound:
        return None
    begin, end = moment - HALF, moment + HALF
    found: dict[tuple[str, str], Counter[str]] = {}
    for path in checkpoints(home.predictions):
        claimed = parse_checkpoint(path.read_bytes(), public_key)
        if not _overlaps(claimed, begin, end):
            continue
        if is_expired(path):
            # Only how many there were is left of them, not when within the segment.
            checkpoint, _ = read_expired(path, public_key)
            counted = found.setdefault((checkpoint.stage, checkpoint.model), Counter())
            counted[checkpoint.release] += checkpoint.rows
            continue
        checkpoint = verified(path, public_key)
        table = pq.read_table(table_of(path), columns=["t_start", "decisive"])
        times = table.filter(table["decisive"])["t_start"].to_numpy()
        count = int(((times >= _numpy(begin)) & (times < _numpy(end))).sum())
        counted = found.setdefault((checkpoint.stage, checkpoint.model), Counter())
        counted[checkpoint.release] += count
    return found


def _overlaps(claimed: Checkpoint, begin: datetime, end: datetime) -> bool:
    if not claimed.first_time:
        return False
    first = datetime.fromisoformat(claimed.first_time)
    return first < end and datetime.fromisoformat(claimed.last_time) >= begin


def _numpy(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns")
