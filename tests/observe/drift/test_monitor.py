"""The monitor: one alarm an incident, looks that do not depend on arrival, and restarts."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from goldenpath.drift.profile import Floats
from goldenpath.observe.drift.findings import DriftFinding, close, findings
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.monitor_state import watches
from goldenpath.observe.log.records import Block
from goldenpath.serve.record.spool_format import Answered
from tests.observe.spooling import FACTS, answer, draw, header

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def _monitor(root: Path) -> Monitor:
    return Monitor(root / "drift", root / "findings", lambda digest: FACTS)


def _block(answered: list[Answered]) -> Block:
    return Block.of(header(), answered)


def _feed(monitor: Monitor, rows: Floats, first: int, size: int) -> list[DriftFinding]:
    raised: list[DriftFinding] = []
    for number, begin in enumerate(range(0, len(rows), size)):
        block = _block([answer(first + number, rows[begin : begin + size])])
        raised += monitor.add(block, NOW)[1]
    return raised


def test_rows_like_the_reference_raise_nothing(tmp_path: Path) -> None:
    assert _feed(_monitor(tmp_path), draw(20_000, 1), 0, 100) == []


def test_a_new_code_raises_one_alarm_that_names_it(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    _feed(monitor, draw(2000, 1), 0, 100)

    raised = _feed(monitor, draw(3000, 2, new_code=0.15), 20, 100)

    finding = raised[0]
    assert (finding.feature, finding.kind) == ("status", "new code")
    assert finding.new_values == ("unseen",)
    assert finding.rows <= 2000 + 1000
    assert "status" in finding.sentence
    assert list(findings(tmp_path / "findings")) == raised


def test_answers_of_a_shadow_raise_nothing(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    _feed(monitor, draw(2000, 1), 0, 100)

    rows = draw(3000, 2, new_code=0.15)
    answered = msgspec.structs.replace(answer(20, rows), shadow=True)

    assert monitor.add(_block([answered]), NOW)[1] == []


def test_after_a_person_closed_it_the_monitor_starts_afresh(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    first = _feed(monitor, draw(3000, 2, new_code=0.15), 0, 100)[0]
    close(tmp_path / "findings", first.id, "risk-manager", "rolled back", now=NOW)

    later = _feed(monitor, draw(3000, 4, new_code=0.15), 200, 100)

    assert "status" in [finding.feature for finding in later]


def test_looks_do_not_depend_on_how_rows_arrive(tmp_path: Path) -> None:
    rows = draw(3000, 5)
    for size in (1000, 7):
        monitor = _monitor(tmp_path / str(size))
        _feed(monitor, rows, 0, size)
        monitor.save(NOW)
    one, two = (
        next(iter(watches(tmp_path / size / "drift", "prod", "credit").values()))
        for size in ("1000", "7")
    )

    assert (one.looks, one.counts, one.pending) == (two.looks, two.counts, two.pending)
    assert one.looks == 12


def test_a_restart_goes_on_and_counts_nothing_twice(tmp_path: Path) -> None:
    rows = draw(2900, 6)
    answered = [answer(i, rows[i * 100 : (i + 1) * 100]) for i in range(29)]
    through = _monitor(tmp_path / "through")
    through.add(_block(answered), NOW)
    through.save(NOW)

    first = _monitor(tmp_path / "twice")
    first.add(_block(answered[:14]), NOW)
    first.save(NOW)
    second = _monitor(tmp_path / "twice")
    fresh, _ = second.add(_block(answered[:20]), NOW)
    second.add(_block(answered[20:]), NOW)
    second.save(NOW)

    assert [item.sequence for item in fresh.answered] == list(range(14, 20))
    one, two = (
        next(iter(watches(tmp_path / name / "drift", "*", "*").values()))
        for name in ("through", "twice")
    )
    assert (one.looks, one.counts, one.pending, one.seen) == (
        two.looks,
        two.counts,
        two.pending,
        two.seen,
    )
