"""One round of the observer: read the spool, count, raise alarms, seal, and only then delete."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from goldenpath.canonical import JsonValue
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.observe.drift.findings import DriftFinding
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.outcomes import Outcomes
from goldenpath.observe.drift.request_volume import RequestVolume
from goldenpath.observe.drift.unobserved import UnobservedReleases
from goldenpath.observe.log.prediction_log import PredictionLog
from goldenpath.observe.log.records import Block, decisive
from goldenpath.observe.log.retention import EVERY, end_what_is_old
from goldenpath.observe.log.segment import Checkpoint
from goldenpath.observe.log.segments.compaction import Compaction
from goldenpath.observe.log.spool_tail import TURN_BYTES, SpoolBatch, Tail
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.processes.observer_launch import NOTHING_ENDS, Keeping, ObserverLaunch
from goldenpath.serve.gateway.refusals import read_refusals
from goldenpath.serve.record.spool_format import SpoolHeader
from goldenpath.times import ElapsedTime

Emit = Callable[[Mapping[str, JsonValue]], None]
_COMPACT_EVERY = 60.0
"""Seconds between two looks for small segments."""


class ShareMonitor(Protocol):
    """A monitor of shares: of requests, or of decisions."""

    def add(self, block: Block, now: datetime) -> Iterator[DriftFinding]:
        """Count a block of new records. Yield the findings that opened or ended, saved."""

    def save(self) -> None:
        """Write what has changed. Raises `OSError`."""


@dataclass(slots=True)
class PublishedRefusals:
    """The requests that the gateway refused, read from the file that the supervisor publishes."""

    path: Path
    seen: int = 0
    """Modification time of the file when it was last read, in nanoseconds."""

    def look(self, telemetry: Telemetry, emit: Emit) -> None:
        """Read the file if it has changed."""
        try:
            written = self.path.stat().st_mtime_ns
            if written != self.seen:
                self.seen = written
                telemetry.refused(read_refusals(self.path))
        except FileNotFoundError:
            return
        except GoldenPathError as error:
            emit({"event": "failed", "message": error.message})


@dataclass(slots=True)
class Observer:
    """The parts of the observer, and one round of their work."""

    launch: ObserverLaunch
    tail: Tail
    log: PredictionLog
    monitor: Monitor
    telemetry: Telemetry
    outcomes: Outcomes
    emit: Emit
    refusals: PublishedRefusals
    unobserved: UnobservedReleases
    facts_fault: Callable[[str], str]
    """Returns why a release cannot be opened; empty if it can."""
    stuck: str = ""
    """Why the last round could not save or seal; empty if it could. Until it can, records stay in
    the spool on disk."""
    keeping: Keeping = NOTHING_ENDS
    volume: RequestVolume | None = None
    """Judges the number of requests; None where nobody wants that."""
    shares: tuple[ShareMonitor, ...] = ()
    """Judge refused requests, and decisions about groups."""
    turn_bytes: int = TURN_BYTES
    """Bytes of each spool file that a round reads."""
    _ended: tuple[Keeping, float] | None = None
    """The retention rules that were last applied, and when, in seconds that passed."""
    _elapsed: ElapsedTime = field(default_factory=ElapsedTime)
    _compact_at: float = _COMPACT_EVERY
    _left: str = ""
    """Why small segments were last left as they are."""

    def round(self, now: datetime, *, finish: bool = False) -> bool:
        """Do one round of work, and return whether more is there to be done at once.

        A round takes a piece of each file of the spool. With `finish`, it seals everything that
        waits in memory, and the last round of all is one with nothing left to read.
        """
        seconds = self._elapsed.at(now)
        if not self.stuck:
            for batch in self.tail.batches(self.turn_bytes):
                self.log.add(batch, seconds)
                self._observe(batch, now)
        self.refusals.look(self.telemetry, self.emit)
        for news in self.outcomes.news():
            self.emit(news)
        self._judge_volume(now)
        self._note_stuck(self._seal(now, finish=finish))
        self._end_what_is_old(now)
        if not finish:
            self._compact(now)
        self.telemetry.is_stuck = bool(self.stuck)
        try:
            self.telemetry.flush(self.monitor.verdicts, now, finish=finish)
        except OSError as error:
            self.emit({"event": "failed", "message": f"telemetry is not written: {error}"})
        return self.tail.has_more and not self.stuck

    def _seal(self, now: datetime, *, finish: bool) -> str:
        """Save the counts, then seal what is due. Return why that failed, or an empty text."""
        try:
            # Saved before a spool file is deleted: its counts exist nowhere else afterwards.
            self.monitor.save(now)
            if self.volume is not None:
                self.volume.save()
            for monitor in self.shares:
                monitor.save()
        except OSError as error:
            return f"the counts of the drift monitor cannot be saved: {error}"
        stuck, seconds = "", self._elapsed.at(now)
        due = self.log.due(seconds, seconds=self.launch.seal_seconds, rows=self.launch.seal_rows)
        for path in self.log.waiting() if finish else due:
            try:
                checkpoint, is_last = self.log.seal(path, now)
            except (GoldenPathError, OSError) as error:
                stuck = f"{path.name} is not sealed: {error}"
                self.emit({"event": "failed", "message": stuck})
                continue
            if checkpoint is not None:
                self.telemetry.sealed(checkpoint)
                self.emit(_sealed(checkpoint))
            if is_last:
                self.tail.forget(path)
        return stuck

    def _note_stuck(self, stuck: str) -> None:
        """Tell the supervisor when sealing begins to fail, and when it works again."""
        if stuck != self.stuck:
            self.emit({"event": "stuck", "message": stuck})
        self.stuck = stuck

    def _end_what_is_old(self, now: datetime) -> None:
        ended, elapsed = self._ended, self._elapsed.at(now)
        is_same = ended is not None and ended[0] == self.keeping
        if is_same and ended is not None and elapsed - ended[1] < EVERY.total_seconds():
            return
        self._ended = (self.keeping, elapsed)
        try:
            for event in end_what_is_old(Home(Path(self.launch.home)), self.keeping, now):
                self.emit(event)
        except (GoldenPathError, OSError) as error:
            self.emit({"event": "failed", "message": f"expired records were not deleted: {error}"})

    def _compact(self, now: datetime) -> None:
        """Pack small segments. A log that a pod writes is copied, and the copy is packed."""
        seconds = self._elapsed.at(now)
        if self.launch.source is not None or seconds < self._compact_at:
            return
        try:
            done = self.log.compact()
        except (GoldenPathError, OSError) as error:
            done = Compaction((), (f"segments were not packed: {error}",))
        if not done.packed:  # otherwise more may be due at once
            self._compact_at = seconds + _COMPACT_EVERY
        left = "; ".join(done.left)
        if left and left != self._left:
            self.emit({"event": "failed", "message": left[:500]})
        self._left = left

    def _observe(self, batch: SpoolBatch, now: datetime) -> None:
        raised: list[DriftFinding] = []
        try:
            block = Block.of(batch.header, batch.answered)
            fresh, raised = self.monitor.add(block, now)
            self.telemetry.add(decisive(fresh))
            self.outcomes.add(fresh)
            if self.volume is not None:
                self.volume.add(fresh)
            for monitor in self.shares:
                raised += monitor.add(decisive(fresh), now)
            self._judge_release(batch.header, self.facts_fault(batch.header.digest), now)
        except OSError as error:
            self.emit({"event": "failed", "message": f"{batch.path.name}: {error}"})
        except (GoldenPathError, ValueError) as error:
            # The log comes first: a record that cannot be counted is still sealed.
            self.emit({"event": "failed", "message": f"{batch.path.name}: {error}"})
            self._judge_release(batch.header, str(error), now)
        for finding in raised:
            self._pass_on(finding)

    def _judge_volume(self, now: datetime) -> None:
        if self.volume is None:
            return
        try:
            for finding in self.volume.judge(now):
                self._pass_on(finding)
        except (GoldenPathError, OSError) as error:
            self.emit({"event": "failed", "message": f"requests are not judged: {error}"})

    def _judge_release(self, header: SpoolHeader, fault: str, now: datetime) -> None:
        """Open a finding about a release that cannot be monitored, or end it."""
        release = (header.stage, header.model, header.digest)
        try:
            if fault:
                finding = self.unobserved.failed(release, fault, now)
            else:
                finding = self.unobserved.observed(release, now)
        except OSError as error:
            self.emit({"event": "failed", "message": f"a finding cannot be written: {error}"})
            return
        if finding is not None:
            self._pass_on(finding)

    def _pass_on(self, finding: DriftFinding) -> None:
        self.emit(_news_of(finding))
        self.telemetry.alarm(finding)


def _sealed(checkpoint: Checkpoint) -> Mapping[str, JsonValue]:
    return {
        "event": "sealed",
        "stage": checkpoint.stage,
        "model": checkpoint.model,
        "replica": checkpoint.replica,
        "number": checkpoint.number,
        "rows": checkpoint.rows,
        "lost": checkpoint.lost,
        "digest": checkpoint.content,
    }


def _news_of(finding: DriftFinding) -> Mapping[str, JsonValue]:
    return {
        "event": "alarm" if finding.state == "open" else "repaired",
        "finding": finding.id,
        "stage": finding.stage,
        "model": finding.model,
        "digest": finding.release,
        "feature": finding.feature,
        "kind": finding.kind,
        "new_values": list(finding.new_values),
        "since": finding.since,
        "evidence": finding.evidence,
        "threshold": finding.threshold,
        "size": finding.size,
        "looks": finding.looks,
        "rows": finding.rows,
        "sentence": finding.sentence,
    }
