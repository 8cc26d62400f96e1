"""`goldenpath new` and `goldenpath check`, as commands."""

import json
from pathlib import Path

from click.testing import CliRunner

from goldenpath.cli import check, new
from goldenpath.project.schema import schema_text


def test_a_new_project_passes_the_check(tmp_path: Path) -> None:
    folder = tmp_path / "scoring"

    made = CliRunner().invoke(new.verb, ["scoring", "--into", str(folder), "--output", "json"])
    checked = CliRunner().invoke(check.verb, [str(folder)])

    assert json.loads(made.stdout)["folder"] == str(folder)
    assert (checked.exit_code, checked.stdout) == (0, "no faults\n")


def test_faults_are_listed_and_the_check_fails(project: Path) -> None:
    (project / "uv.lock").unlink()

    result = CliRunner().invoke(check.verb, [str(project), "--output", "json"])

    assert result.exit_code == 2
    assert [fault["file"] for fault in json.loads(result.stdout)["faults"]] == ["uv.lock"]


def test_the_schema_for_editors_is_printed(tmp_path: Path) -> None:
    result = CliRunner().invoke(check.verb, [str(tmp_path), "--schema"])

    assert result.stdout == schema_text("goldenpath")
