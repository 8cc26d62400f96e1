"""Counts from the prediction log: records of one release, and answers around a moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from goldenpath.audit.report.evidence_bundle import LogSummary
from goldenpath.digest import Digest
from goldenpath.errors import NotFound
from goldenpath.home import Home
from goldenpath.observe.log.log_check import check_log
from goldenpath.observe.log.log_reader import log_public_key, read_columns, verified
from goldenpath.observe.log.retention import is_expired, read_expired
from goldenpath.observe.log.segment import Checkpoint, checkpoints, parse_checkpoint, table_of

HALF = timedelta(seconds=30)
"""Half of the window around a moment in which answers are counted."""

Name = tuple[str, str]
"""Stage and model."""


def summarise(home: Home, digest: Digest, until: datetime) -> LogSummary | None:
    """Return the count of records of one release that were sealed by `until`.

    None if there is no prediction log. Raises `VerificationError` if a checkpoint is not signed
    with the log key.
    """
    try:
        report = check_log(home)
        public_key = log_public_key(home)
    except NotFound:
        return None
    paths = checkpoints(home.predictions)
    sealed = [parse_checkpoint(path.read_bytes(), public_key) for path in paths]
    of_release = [each for each in sealed if each.release == digest.text and _is_by(each, until)]
    names = {each.replica for each in of_release}
    incomplete = [each for each in report.replicas if each.missing and each.replica in names]
    missing = [f"{each.replica} misses {each.missing} requests" for each in incomplete]
    return LogSummary(
        records=sum(each.rows for each in of_release),
        first=min((each.first_time for each in of_release if each.first_time), default=""),
        last=max((each.last_time for each in of_release if each.last_time), default=""),
        lost=sum(each.lost for each in of_release),
        # A break cannot be assigned to one release, so it counts against every release.
        findings=(*report.breaks, *missing),
    )


def _is_by(checkpoint: Checkpoint, until: datetime) -> bool:
    return datetime.fromisoformat(checkpoint.sealed_at) <= until


@dataclass(frozen=True, slots=True)
class Minute:
    """Counts of records in the minute around a moment, by stage and model."""

    by_release: Mapping[Name, Mapping[str, int]]
    by_process: Mapping[Name, Mapping[str, int]]
    """Counts of unexpired records. The process is empty if the caller named none."""


def answers_at(home: Home, moment: datetime) -> Minute | None:
    """Return which releases answered in the minute around `moment`, and for which processes.

    None if there is no prediction log. Raises `VerificationError` if a segment does not match
    its signed checkpoint.
    """
    try:
        public_key = log_public_key(home)
    except NotFound:
        return None
    begin, end = moment - HALF, moment + HALF
    releases: dict[Name, Counter[str]] = {}
    processes: dict[Name, Counter[str]] = {}
    for path in checkpoints(home.predictions):
        claimed = parse_checkpoint(path.read_bytes(), public_key)
        if not _overlaps(claimed, begin, end):
            continue
        if is_expired(path):
            # An expired segment keeps only the number of its records, not their times.
            checkpoint, _ = read_expired(path, public_key)
            counted = releases.setdefault((checkpoint.stage, checkpoint.model), Counter())
            counted[checkpoint.release] += checkpoint.rows
            continue
        checkpoint = verified(path, public_key)
        table = read_columns(table_of(path), ["t_start", "decisive", "process"])
        table = table.filter(table["decisive"])
        times = table["t_start"].to_numpy()
        is_inside = (times >= _numpy(begin)) & (times < _numpy(end))
        name = (checkpoint.stage, checkpoint.model)
        releases.setdefault(name, Counter())[checkpoint.release] += int(is_inside.sum())
        named = table.filter(pa.array(is_inside))["process"].to_pylist()
        processes.setdefault(name, Counter()).update(str(each or "") for each in named)
    return Minute(releases, processes)


def _overlaps(claimed: Checkpoint, begin: datetime, end: datetime) -> bool:
    if not claimed.first_time:
        return False
    first = datetime.fromisoformat(claimed.first_time)
    return first < end and datetime.fromisoformat(claimed.last_time) >= begin


def _numpy(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "ns")
