"""Child processes of the supervisor, with real ones: messages, ends and restarts."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from goldenpath.backoff import pause_after
from goldenpath.errors import Unavailable
from goldenpath.processes.child import FIRST_PAUSE, LONGEST_PAUSE, MAX_LINE, Child, Message
from goldenpath.processes.sidecar import Sidecar

ECHO = """
import sys
for line in sys.stdin:
    sys.stdout.write(line)
    sys.stdout.flush()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Child]]:
    children: list[Child] = []

    def started(code: str) -> Child:
        command = [sys.executable, "-c", code]
        children.append(Child("child", command, dict(os.environ), tmp_path / "logs" / "log"))
        return children[-1]

    yield started
    for child in children:
        child.kill()
        child.close()


def received(child: Child, count: int) -> list[Message]:
    """Wait for that many messages."""
    messages: list[Message] = []
    give_up = time.monotonic() + 60
    while len(messages) < count and time.monotonic() < give_up:
        # Not longer: the child may also wait for us to send it the rest of a message.
        select.select([child.output], [], [], 0.01)
        messages += child.messages()
    return messages


def ended(child: Child) -> int:
    give_up = time.monotonic() + 60
    while child.exit_code is None and time.monotonic() < give_up:
        time.sleep(0.01)
    assert child.exit_code is not None
    return child.exit_code


def test_the_message_about_a_crash_quotes_no_older_run(
    start: Callable[[str], Child], tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "log").write_text("the model is broken\n")
    child = start("pass")
    ended(child)

    assert child.last_log_line() == "its log is empty"


def test_messages_go_to_the_child_and_come_back(start: Callable[[str], Child]) -> None:
    child = start(ECHO)

    for number in range(3):
        child.send({"number": number})

    assert [each["number"] for each in received(child, 3)] == [0, 1, 2]


def test_a_message_larger_than_a_pipe_does_not_block(start: Callable[[str], Child]) -> None:
    child = start(ECHO)

    child.send({"text": "x" * 2_000_000})

    assert len(str(received(child, 1)[0]["text"])) == 2_000_000


def test_what_a_library_prints_is_no_message(start: Callable[[str], Child]) -> None:
    child = start("print('hello'); print('[1]'); print('{\"event\": \"ready\"}')")

    assert received(child, 1) == [{"event": "ready"}]


def test_a_line_without_end_is_dropped_and_later_ones_are_read(
    start: Callable[[str], Child],
) -> None:
    child = start(
        f"import sys\nsys.stdout.write('x' * {MAX_LINE + 70000})\nsys.stdout.flush()\n"
        'import time; time.sleep(0.3)\nprint()\nprint(\'{"event": "ready"}\', flush=True)\n'
        "time.sleep(60)"
    )

    assert received(child, 1) == [{"event": "ready"}]


def test_it_ends_when_its_input_is_closed(start: Callable[[str], Child]) -> None:
    child = start(ECHO)

    child.end()

    assert ended(child) == 0


def test_kill_takes_the_children_of_the_child_along(start: Callable[[str], Child]) -> None:
    child = start(
        "import subprocess, sys\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('{\"pid\": %d}' % other.pid, flush=True)\n"
        "other.wait()"
    )
    [message] = received(child, 1)

    child.kill()

    give_up = time.monotonic() + 60
    while _runs(int(str(message["pid"]))) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not _runs(int(str(message["pid"])))


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_the_last_line_of_its_log_names_the_cause(start: Callable[[str], Child]) -> None:
    child = start("import sys; sys.stderr.write('first\\nthe port is taken\\n'); sys.exit(2)")

    assert (ended(child), child.last_log_line()) == (2, "the port is taken")


def test_an_empty_log_is_said(start: Callable[[str], Child]) -> None:
    child = start("pass")
    ended(child)

    assert child.last_log_line() == "its log is empty"


def test_its_memory_is_that_of_all_its_processes(start: Callable[[str], Child]) -> None:
    child = start("block = bytearray(50_000_000)\nprint('{}', flush=True)\nimport time\n"
                  "time.sleep(60)")  # fmt: skip
    received(child, 1)

    assert child.memory() > 50_000_000
    child.kill()
    assert child.memory() == 0


def test_a_program_that_is_absent_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="gateway cannot be started"):
        Child("gateway", [str(tmp_path / "absent")], {}, tmp_path / "log")


def sidecar(folder: Path, code: str, news: Callable[[], object | None]) -> Sidecar:
    return Sidecar(
        "observer", (sys.executable, "-c", code), dict(os.environ), folder / "log",
        launch=lambda: {"launch": 1}, news=news,
    )  # fmt: skip


def until(side: Sidecar, now: float, count: int) -> list[Message]:
    """Tick until that many messages came, at one moment of the supervisor's clock."""
    messages: list[Message] = []
    give_up = time.monotonic() + 60
    while len(messages) < count and time.monotonic() < give_up:
        messages += side.tick(now)
        time.sleep(0.01)
    return messages


def test_a_sidecar_gets_its_launch_first_and_each_change_once(tmp_path: Path) -> None:
    news: list[object] = [{"days": 1}]
    side = sidecar(tmp_path, ECHO, lambda: news[0])
    try:
        first = until(side, 0, 2)
        list(side.tick(0))
        news[0] = {"days": 2}
        second = until(side, 0, 1)
    finally:
        side.end(_waited)

    assert first == [{"launch": 1}, {"days": 1}]
    assert second == [{"days": 2}]


def test_a_sidecar_that_ends_is_started_again_with_growing_pauses(tmp_path: Path) -> None:
    side = sidecar(tmp_path, "import sys; sys.stderr.write('no disk'); sys.exit(1)", lambda: None)
    now = 0.0
    for failures in range(3):
        give_up = time.monotonic() + 60
        while side.starts == failures:
            list(side.tick(now))
            assert time.monotonic() < give_up
        while side.child is not None:
            list(side.tick(now))
            time.sleep(0.01)
            assert time.monotonic() < give_up
        pause = pause_after(failures, first=FIRST_PAUSE, longest=LONGEST_PAUSE)
        list(side.tick(now + pause - 0.01))
        assert side.starts == failures + 1, "not before the pause is over"
        now += pause

    assert side.message == "observer ended: no disk"
    assert not side.is_ready


def test_a_sidecar_drains_and_gives_its_last_messages(tmp_path: Path) -> None:
    code = 'import sys\nsys.stdin.read()\nprint(\'{"event": "sealed"}\')'
    side = sidecar(tmp_path, code, lambda: None)
    list(side.tick(0))

    assert side.end(_waited) == [{"event": "sealed"}]
    assert side.child is None


def _waited() -> float:
    time.sleep(0.01)
    return time.monotonic()
