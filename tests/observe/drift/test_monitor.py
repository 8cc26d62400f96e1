"""The monitor: one alarm an incident, looks that do not depend on arrival, and restarts."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from goldenpath.drift.profile import Floats
from goldenpath.observe.drift.findings import DriftFinding, close, findings
from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.drift.monitor_state import MonitorState, read_watch, watches
from goldenpath.observe.log.records import Block
from goldenpath.serve.record.spool_format import Answered
from tests.observe.spooling import FACTS, answer, draw, header, refused

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


def test_after_a_person_closed_it_the_monitor_looks_for_the_next(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    for finding in _feed(monitor, draw(3000, 2, new_code=0.15), 0, 100):
        close(tmp_path / "findings", finding.id, "risk-manager", "rolled back", now=NOW)

    later = _feed(monitor, draw(3000, 4, new_code=0.15), 200, 100)

    assert ("status", "new code") in [(finding.feature, finding.kind) for finding in later]


def test_a_finding_resolves_when_it_is_repaired_and_a_second_one_opens(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    first = _of_status(_feed(monitor, draw(2000, 2, new_code=0.15), 0, 100))
    repaired = _of_status(_feed(monitor, draw(4000, 3), 100, 100))
    second = _of_status(_feed(monitor, draw(2000, 4, new_code=0.15), 200, 100))

    assert [finding.state for finding in first] == ["open"]
    assert [(f.state, f.id, f.resolved_by) for f in repaired] == [
        ("resolved", first[0].id, "monitor")
    ]
    assert [finding.state for finding in second] == ["open"]
    assert second[0].id != first[0].id


def test_an_open_finding_hides_no_other(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    _feed(monitor, draw(2000, 2, new_code=0.15), 0, 100)
    rows = draw(3000, 3, new_code=0.15)
    rows[:, 0] += 60

    raised = _feed(monitor, rows, 100, 100)

    assert ("income", "shift") in [(finding.feature, finding.kind) for finding in raised]


def test_codes_that_the_contract_refuses_are_drift(tmp_path: Path) -> None:
    monitor = _monitor(tmp_path)
    _feed(monitor, draw(1000, 2), 0, 10)
    rows, raised = draw(1000, 3), []
    for number in range(100):
        item = answer(100 + number, rows[number * 10 : number * 10 + 10])
        if number % 3 == 0:
            item = refused(100 + number, "status", asked=10)
        raised += monitor.add(_block([item]), NOW)[1]

    (finding,) = [each for each in raised if each.kind == "refused"]
    assert finding.feature == "status"
    assert 0.2 < finding.size < 0.5


def test_a_case_that_is_asked_five_times_counts_once(tmp_path: Path) -> None:
    rows, people = draw(400, 6), [f"client-{n}" for n in range(400)]
    monitors = [_monitor(tmp_path / name) for name in ("once", "often")]
    for monitor, often in zip(monitors, (1, 5), strict=True):
        for number in range(4 * often):
            part = slice(number // often * 100, number // often * 100 + 100)
            item = answer(number, rows[part], subjects=people[part])
            monitor.add(_block([item]), NOW)
        monitor.save(NOW)

    one, two = (_stored(tmp_path / name) for name in ("once", "often"))
    assert one.starts == two.starts and one.pending == two.pending


def _of_status(found: list[DriftFinding]) -> list[DriftFinding]:
    return [each for each in found if (each.feature, each.kind) == ("status", "new code")]


def _stored(root: Path) -> MonitorState:
    (path,) = watches(root / "drift", "prod", "credit")
    return read_watch(path, 3)


def test_looks_do_not_depend_on_how_rows_arrive(tmp_path: Path) -> None:
    rows = draw(3000, 5)
    for size in (1000, 7):
        monitor = _monitor(tmp_path / str(size))
        _feed(monitor, rows, 0, size)
        monitor.save(NOW)
    one, two = (_stored(tmp_path / size) for size in ("1000", "7"))

    assert (one.looks, one.starts, one.pending) == (two.looks, two.starts, two.pending)
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
    one, two = (_stored(tmp_path / name) for name in ("through", "twice"))
    assert (one.looks, one.starts, one.pending, one.seen) == (
        two.looks,
        two.starts,
        two.pending,
        two.seen,
    )


@pytest.mark.parametrize(
    "jumps", [(0, -365), (0, 3650), (0, 3650, 0), (0, -20_000, 0), (0, 1, 0, 1, 0)]
)
def test_a_clock_that_jumps_loses_no_row_and_hides_no_drift(
    jumps: tuple[int, ...], tmp_path: Path
) -> None:
    monitor, first = _monitor(tmp_path), 0
    raised: list[DriftFinding] = []
    for number, days in enumerate([*jumps, jumps[-1]]):
        is_last = number == len(jumps)
        for rows in np.split(draw(3000, number, new_code=0.15 if is_last else 0.0), 30):
            item = answer(first, rows)
            moved = msgspec.structs.replace(
                item, started=item.started + days * 86_400 * 1_000_000_000
            )
            raised += monitor.add(_block([moved]), NOW)[1]
            first += 1
    monitor.save(NOW)

    (path,) = watches(tmp_path / "drift", "*", "*")
    assert ("status", "new code") in [(each.feature, each.kind) for each in raised]
    assert read_watch(path, 3).seen == {"r1": first}
    assert all(each.since[:4].isdigit() for each in raised)
