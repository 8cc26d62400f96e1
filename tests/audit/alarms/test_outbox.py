"""The outbox: nothing is lost, nothing is stored twice, and it has an end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from goldenpath.audit.alarms.outbox import LEDGER, Outbox, waiting_names
from goldenpath.errors import InvalidInput
from tests.audit.alarms.examples import notice


def test_a_message_waits_until_it_is_acknowledged_also_for_the_next_process(tmp_path: Path) -> None:
    assert Outbox(tmp_path).deposit(notice(1))
    assert Outbox(tmp_path).deposit(notice(2))

    outbox = Outbox(tmp_path)
    first, second = outbox.names()
    assert outbox.read(first) == notice(1)
    outbox.acknowledge(first)

    assert Outbox(tmp_path).names() == [second]


def test_a_message_is_stored_once_though_the_ledger_was_not_written(tmp_path: Path) -> None:
    Outbox(tmp_path).deposit(notice(1))

    again = Outbox(tmp_path)

    assert again.deposit(notice(1)) and len(again) == 1
    assert again.deposit(notice(1, state="resolved")) and len(again) == 2


def test_a_full_outbox_takes_nothing_and_says_so(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, most=2)
    taken = [outbox.deposit(notice(number)) for number in (1, 2, 3)]

    assert taken == [True, True, False]
    outbox.acknowledge(outbox.names()[0])
    assert outbox.deposit(notice(3))


def test_numbers_go_on_after_everything_was_delivered(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.deposit(notice(1))
    outbox.save()
    outbox.acknowledge(outbox.names()[0])

    later = Outbox(tmp_path)
    later.deposit(notice(2))

    assert later.names()[0].startswith("000000000001-")


def test_what_was_deposited_survives_a_kill_at_any_moment(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from goldenpath.audit.alarms.outbox import Outbox\n"
        "from tests.audit.alarms.examples import notice\n"
        "outbox = Outbox(Path(sys.argv[1]))\n"
        "for number in range(10_000):\n"
        "    outbox.deposit(notice(number))\n"
        "    print(number, flush=True)\n"
    )
    root = Path(__file__).parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, cwd=root
    )
    assert child.stdout is not None
    for _ in range(20):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    acknowledged = 20 + len(child.communicate()[0].splitlines())

    outbox = Outbox(tmp_path)

    stored = {outbox.read(name).finding for name in outbox.names()}
    assert {f"drift-{number}" for number in range(acknowledged)} <= stored
    assert len(stored) <= acknowledged + 1


@pytest.mark.parametrize("content", [b"", b"{", b'{"finding":1}', b"[]"])
def test_a_malformed_message_is_named(tmp_path: Path, content: bytes) -> None:
    outbox = Outbox(tmp_path)
    outbox.deposit(notice(1))
    (tmp_path / outbox.names()[0]).write_bytes(content)

    with pytest.raises(InvalidInput):
        outbox.read(outbox.names()[0])


def test_a_malformed_ledger_is_no_empty_ledger(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_bytes(b"{")

    with pytest.raises(InvalidInput):
        Outbox(tmp_path)


def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "box")
    outbox.deposit(notice(1, finding="../../etc/passwd"))

    assert [each.parent for each in tmp_path.rglob("*.json")] == [tmp_path / "box"]
    assert waiting_names(tmp_path / "none") == []
