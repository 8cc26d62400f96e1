"""A program that is run once: its time and its output are bounded, whatever it does."""

import os
import sys
import time
from pathlib import Path

import pytest

from goldenpath.errors import Unavailable
from goldenpath.processes.tool import run_tool, start_in_background


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_the_result_has_exit_code_and_both_outputs() -> None:
    code = "import sys; print('out'); sys.stderr.write('err'); sys.exit(3)"

    result = run_tool(python(code))

    assert (result.exit_code, result.text, result.complaint) == (3, "out", "err")


def test_a_signal_is_a_negative_exit_code() -> None:
    assert run_tool(python("import os; os.kill(os.getpid(), 9)")).exit_code == -9


def test_it_gets_its_input_folder_and_environment(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.getcwd(), sorted(os.environ)[0])"

    result = run_tool(python(code), stdin=b"x", folder=tmp_path, environment={"A_NAME": "1"})

    assert result.text == f"x {tmp_path} A_NAME"


def test_large_input_and_output_pass_each_other() -> None:
    content = os.urandom(3_000_000)
    code = "import shutil, sys; shutil.copyfileobj(sys.stdin.buffer, sys.stdout.buffer)"

    assert run_tool(python(code), stdin=content).output == content


def test_input_that_nobody_reads_is_no_fault() -> None:
    assert run_tool(python("print('done')"), stdin=b"x" * 1_000_000).text == "done"


def test_one_that_hangs_is_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    with pytest.raises(Unavailable, match="is not done after 2 seconds") as failed:
        run_tool(python(code), seconds=2)

    assert failed.value.hint is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_one_that_closes_its_outputs_and_stays_is_killed_too() -> None:
    code = "import os, time; os.close(1); os.close(2); time.sleep(600)"
    began = time.monotonic()

    with pytest.raises(Unavailable, match="is not done after"):
        run_tool(python(code), seconds=1)

    assert time.monotonic() - began < 60


@pytest.mark.parametrize("descriptor", [1, 2])
def test_one_that_prints_without_end_is_killed(descriptor: int) -> None:
    code = f"import os\nwhile True: os.write({descriptor}, b'x' * 65536)"

    with pytest.raises(Unavailable, match="expected at most 1000000 bytes"):
        run_tool(python(code), limit=1_000_000)


def test_exactly_the_limit_is_allowed() -> None:
    code = "import sys; sys.stdout.write('x' * 900); sys.stderr.write('y' * 100)"

    assert len(run_tool(python(code), limit=1000).output) == 900


def test_an_absent_program_is_named_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="absent is not installed") as failed:
        run_tool([str(tmp_path / "absent")])

    assert failed.value.hint == "install absent"


def test_a_folder_that_is_gone_is_not_called_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"the folder .*gone is gone"):
        run_tool(python("1"), folder=tmp_path / "gone")


def test_a_program_in_the_background_has_its_own_session_and_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of the run before")
    code = "import os, sys; print(os.getsid(0), flush=True); sys.stdin.read(); print('end')"

    process = start_in_background(python(code), {"A_NAME": "1"}, log)

    assert process.wait(60) == 0
    assert log.read_text().split() == [str(process.pid), "end"]
    assert os.getsid(0) != process.pid


def test_a_file_that_is_no_program_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("text")

    with pytest.raises(Unavailable, match="text cannot be started"):
        run_tool([str(tmp_path / "text")])
