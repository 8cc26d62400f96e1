"""`goldenpath new` and `goldenpath check`, as commands."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.cli import check, data, new
from goldenpath.demo.bank_statements import write_statements
from goldenpath.project.load import faults, notes
from goldenpath.project.schema import schema_text


def test_a_new_project_lacks_what_people_write_and_passes_once_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "scoring"

    made = CliRunner().invoke(new.verb, ["scoring", "--into", str(folder), "--output", "json"])
    empty = CliRunner().invoke(check.verb, [str(folder)])
    write_statements(folder, datetime.now(UTC).date())
    written = CliRunner().invoke(check.verb, [str(folder)])

    assert json.loads(made.stdout)["folder"] == str(folder)
    # What nobody has written yet is no mistake of form: the gate waits for it.
    assert (empty.exit_code, empty.stdout) == (0, "no faults\n")
    assert (
        "open: compliance/roles.yaml: owner, approved_by, approved_on, review_by, " in empty.stderr
    )
    assert "the gate statements waits" in empty.stderr
    # No platform says that this is a demonstration.
    open_words = [each for each in written.stdout.splitlines() if "not filled" not in each]
    assert (written.exit_code, open_words) == (2, [])
    assert written.stdout.count("counts on a platform set up as a demonstration only") == 4
    assert "not checked: no platform here" in written.stderr
    for file in ("system.yaml", "registration.yaml"):
        path = folder / "compliance" / file
        path.write_text(path.read_text().replace("not filled: demonstration", "17 of the bank"))
    declared = "The bank declares for this system what Annex V asks for."
    path = folder / "compliance" / "declaration.md"
    path.write_text(path.read_text().replace("not filled: demonstration", declared))
    filled = CliRunner().invoke(check.verb, [str(folder)])
    assert (filled.exit_code, filled.stdout) == (0, "no faults\n")


@pytest.mark.parametrize("key", ["owner", "approved_by", "approved_on", "review_by"])
def test_whoever_fills_a_part_of_the_head_answers_for_what_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "scoring"
    CliRunner().invoke(new.verb, ["scoring", "--into", str(folder)])
    value = "2026-01-31" if key.endswith(("_on", "_by")) and key != "approved_by" else "a-person"
    card = folder / "compliance" / "card.md"
    card.write_text(card.read_text().replace(f"{key}:", f"{key}: {value}", 1))

    result = CliRunner().invoke(check.verb, [str(folder), "--output", "json"])

    shown = json.loads(result.stdout)
    assert result.exit_code == 2
    assert {each["file"] for each in shown["faults"]} == {"compliance/card.md"}
    assert "compliance/roles.yaml" in {each["file"] for each in shown["open"]}


def test_faults_are_listed_and_the_check_fails(project: Path) -> None:
    (project / "uv.lock").unlink()

    result = CliRunner().invoke(check.verb, [str(project), "--output", "json"])

    assert result.exit_code == 2
    listed = [each["file"] for each in json.loads(result.stdout)["faults"]]
    assert "uv.lock" in listed


def test_the_schema_for_editors_is_printed(tmp_path: Path) -> None:
    result = CliRunner().invoke(check.verb, [str(tmp_path), "--schema"])

    assert result.stdout == schema_text("goldenpath")


def test_data_are_compared_with_their_pins_and_pinned(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    (project / "data/months").mkdir()
    (project / "data/months/04.csv").write_text("month\n4\n")
    (project / "data/months/05.csv").write_text("month\n5\n")
    text = (project / "goldenpath.toml").read_text()
    (project / "goldenpath.toml").write_text(
        text.replace("[evaluation]", '[data.months]\npath = "data/months"\n\n[evaluation]')
    )

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(data.verb, [*arguments, "--project", str(project)])
        return result.exit_code, result.stdout

    before = run()
    pinned = run("months", "--pin")
    after, parts = run(), run("months", "--parts", "1")

    assert (before[0], "months" in before[1], "NOT as pinned" in before[1]) == (2, True, True)
    assert (pinned[0], "2 files, 16 bytes, as pinned" in pinned[1]) == (0, True)
    assert (after[0], after[1].count("as pinned"), parts[0]) == (0, 2, 0)
    assert [fault.expected for fault in faults(project)] == ["the statement H11"]
    assert (project / "goldenpath.toml").read_text().startswith(text[:200])
    (project / "data/months/04.csv").write_text("month\n9\n")
    changed = run("months", "--parts", "2")
    assert (changed[0], "(04.csv)" in changed[1]) == (2, True)
    assert [fault.key for fault in faults(project)] == ["data.months.digest", ""]


def _with_codes(project: Path, codes: int) -> None:
    path = project / "goldenpath.toml"
    before, _, rest = path.read_text().partition("categories = [-2, -1, ")
    after = rest.partition("]")[2]
    assert after
    path.write_text(
        f"{before}categories = [-2, -1, {', '.join(map(str, range(codes - 2)))}]{after}"
    )


def test_the_check_says_what_many_codes_cost_and_refuses_more(project: Path) -> None:
    assert notes(project) == ()
    _with_codes(project, 10_000)
    result = CliRunner().invoke(check.verb, [str(project), "--output", "json"])
    _with_codes(project, 10_001)
    (fault,) = faults(project)

    assert "10,000 codes (of at most 10,000)" in str(json.loads(result.stdout)["notes"])
    assert "up to 40 MiB" in result.stderr
    assert (fault.expected, fault.got) == ("at most 10,000 codes", "10,001")
