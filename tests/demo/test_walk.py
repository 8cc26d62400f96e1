"""The runner of the demo, with real commands: what it shows, what it claims, where it stops."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.demo.walk import TRANSCRIPT, ClaimFailed, Walk, environment
from goldenpath.demo.whole import (
    MARK,
    SUMMARY,
    DemoSummary,
    console_launch,
    summary_page,
    walk_the_road,
)
from goldenpath.errors import InvalidInput

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def walk(tmp_path: Path, lines: list[str]) -> Walk:
    return Walk(tmp_path, lines.append, environment(tmp_path, os.environ), poll=0.01)


def test_a_command_is_shown_before_what_it_prints(walk: Walk, lines: list[str]) -> None:
    printed = walk.run("sh -c 'echo one; echo two >&2'")

    assert printed == "one\n"
    assert lines == ["  $ sh -c 'echo one; echo two >&2'", "    one"]


def test_a_refusal_shows_its_reasons(walk: Walk, lines: list[str]) -> None:
    walk.run("sh -c 'echo reason >&2; exit 7'", expect=7)

    assert lines[1:] == ["    reason"]


@pytest.mark.parametrize(("printed", "shown"), [(6, 6), (7, 7), (8, 6), (40, 6)])
def test_a_long_answer_is_cut_and_the_transcript_has_all_of_it(
    walk: Walk, tmp_path: Path, lines: list[str], printed: int, shown: int
) -> None:
    walk.run(f"sh -c 'seq {printed}; echo noise >&2'")

    answer = [str(number) for number in range(1, printed + 1)]
    assert [line.strip() for line in lines[1:]][:shown] == answer[:shown]
    if printed > shown:
        assert lines[-1] == f"    … {printed - shown} more lines in {TRANSCRIPT}"
    assert (tmp_path / TRANSCRIPT).read_text().splitlines()[1:] == ["noise", *answer]


def test_a_command_runs_in_its_folder_with_the_settings_before_it(
    walk: Walk, tmp_path: Path, lines: list[str]
) -> None:
    (tmp_path / "project").mkdir()

    printed = walk.run("LEVEL=3 sh -c 'echo $LEVEL; pwd'", into="project")

    assert printed.split() == ["3", str(tmp_path / "project")]
    assert lines[0].startswith("  $ cd project && LEVEL=3")


def test_another_exit_code_than_expected_ends_the_demo(walk: Walk, tmp_path: Path) -> None:
    assert walk.run("sh -c 'exit 7'", expect=7) == ""
    with pytest.raises(ClaimFailed, match="ended with exit code 7, expected 0") as failed:
        walk.run("sh -c 'exit 7'")

    assert str(tmp_path) in str(failed.value.hint)


def test_an_answer_is_read_as_json_and_asked_for_until_it_is_as_expected(
    walk: Walk, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("")
    command = "sh -c 'printf x >> counter; printf [; wc -c < counter; printf ]'"

    assert walk.ask(command) == [1]
    assert walk.until(command, lambda value: value == [4]) == [4]
    assert walk.until(command, lambda value: False, seconds=0.0) != [4]


def test_an_answer_that_is_empty_ends_the_demo_with_the_error(walk: Walk) -> None:
    with pytest.raises(ClaimFailed, match="printed nothing: no platform"):
        walk.ask("sh -c 'echo no platform >&2'")


def test_a_claim_is_recorded_and_a_false_one_ends_the_demo(walk: Walk, lines: list[str]) -> None:
    walk.begin("1  a step")
    walk.claim("water is wet", True)
    with pytest.raises(ClaimFailed, match="does not hold: pigs fly"):
        walk.claim("pigs fly", False)

    assert [(each.step, each.holds) for each in walk.claims] == [
        ("1  a step", True),
        ("1  a step", False),
    ]
    assert lines[-2:] == ["  ✓ water is wet", "  ✗ pigs fly"]


def test_the_demo_inherits_no_platform_and_no_key_of_its_caller(tmp_path: Path) -> None:
    caller = {
        "GOLDENPATH_GITOPS": "ssh://bank/gitops",
        "GOLDENPATH_SIGNING_KEY": "release.pem",
        "PATH": "/bin",
        "LANG": "C",
    }

    seen = environment(tmp_path, caller)

    assert not {"GOLDENPATH_GITOPS", "GOLDENPATH_SIGNING_KEY"} & seen.keys()
    assert seen["GOLDENPATH_HOME"] == str(tmp_path / ".goldenpath")
    assert (seen["LANG"], seen["PATH"].endswith(":/bin")) == ("C", True)


def walked(folder: Path, caller: dict[str, str], say: Callable[[str], None]) -> DemoSummary:
    return walk_the_road(folder, caller, say, lambda: NOW, poll=0.01)


def test_a_folder_with_other_files_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("text")

    with pytest.raises(InvalidInput, match="was not made by the demo"):
        walked(tmp_path, {}, lambda _: None)

    assert (tmp_path / "thesis.txt").read_text() == "text"


def test_a_demo_that_fails_leaves_its_summary_and_says_where_to_look(tmp_path: Path) -> None:
    """The first command fails, because the product is hidden from it."""
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / MARK).touch()
    (folder / "left-over").touch()
    lines: list[str] = []

    with pytest.raises(ClaimFailed):
        walked(folder, {**os.environ, "PATH": "", "PYTHONPATH": _no_goldenpath(tmp_path)},
               lines.append)  # fmt: skip

    summary = json.loads((folder / SUMMARY).read_text())
    assert (summary["version"], summary["holds"], summary["claims"]) == (1, False, [])
    assert not (folder / "left-over").exists()
    assert any(line.startswith("  $ goldenpath init") for line in lines)


def _no_goldenpath(folder: Path) -> str:
    """Return a folder that hides the product from its own command, so that it fails at once."""
    hiding = folder / "hiding"
    (hiding / "goldenpath").mkdir(parents=True)
    (hiding / "goldenpath" / "__init__.py").write_text("raise SystemExit(9)\n")
    return str(hiding)


def test_the_last_page_has_the_claims_and_the_time_of_each_step(walk: Walk, tmp_path: Path) -> None:
    walk.begin("1  a step")
    walk.claim("water is wet", True)
    walk.end()
    summary = DemoSummary(1, True, tuple(walk.claims), {"1  a step": 2.5}, 2.5)

    page = summary_page(summary, tmp_path)

    assert "  1  a step    2.5 s" in page
    assert "  ✓ water is wet" in page
    assert page.splitlines()[-3:] == [
        str(tmp_path / SUMMARY), "",
        f"See it in a browser: cd {tmp_path} && goldenpath console",
    ]  # fmt: skip
    command, environment = console_launch(tmp_path, {"PATH": "/bin", "GOLDENPATH_GITOPS": "x"})
    assert command[1:] == ["console", "--listen", "127.0.0.1:0"]
    assert Path(command[0]).name == "goldenpath"
    assert environment["GOLDENPATH_HOME"] == str(tmp_path / ".goldenpath")
    assert "GOLDENPATH_GITOPS" not in environment
