"""`goldenpath statements`: what is open, and how an approval is filled in."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import goldenpath.project
from goldenpath.cli import statements

TEMPLATE = Path(goldenpath.project.__file__).parent / "templates" / "empty"
ROLES = "compliance/roles.yaml"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project of tier low; one of its texts is written."""
    monkeypatch.setenv("GOLDENPATH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    shutil.copytree(TEMPLATE, folder)
    (folder / "uv.lock").write_text("version = 1\nrequires-python = '>=3.11'\n")
    written = "owner:\napproved_by:\napproved_on:\nreview_by:\nroles:\n  owner: scoring team\n"
    (folder / ROLES).write_text(written)
    return folder


def run(project: Path, *options: str) -> Result:
    return CliRunner().invoke(statements.verb, [str(project), *options])


def test_each_statement_is_listed_with_what_is_open(project: Path) -> None:
    done = run(project)

    assert done.exit_code == 0
    lines = {each.split()[0]: each for each in done.stdout.splitlines()}
    assert lines["compliance/card.md"].split()[1:6] == ["-", "-", "-", "3", "open"]
    assert "H02, H07" in lines["compliance/card.md"]


def test_only_a_written_text_is_approved_and_only_its_empty_fields_are_filled(
    project: Path,
) -> None:
    (project / ROLES).write_text(
        (project / ROLES).read_text().replace("owner:\n", "owner: us\n", 1)
    )
    before = (project / "compliance/card.md").read_bytes()

    done = run(
        project, "--owner", "data-scientist", "--approved-by", "validator",
        "--review-by", "2027-05-01", "--output", "json",
    )  # fmt: skip

    filled = json.loads(done.stdout)["filled"]
    assert filled == [ROLES, "compliance/thresholds.yaml"]
    text = (project / ROLES).read_text()
    assert text.startswith("owner: us\napproved_by: validator\napproved_on: 20")
    assert "\nreview_by: 2027-05-01\nroles:\n  owner: scoring team\n" in text
    assert (project / "compliance/card.md").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--owner", "a"), "together"),
        (("--owner", "a", "--approved-by", " A"), "somebody other than the owner"),
        (("--owner", "a", "--approved-by", "TODO"), "the name or role of a person"),
        (("--owner", "a: b", "--approved-by", "b"), "a name of letters"),
        (("--owner", "a\\1", "--approved-by", "b"), "a name of letters"),
    ],
)
def test_an_approval_by_nobody_else_is_refused(
    project: Path, options: tuple[str, ...], message: str
) -> None:
    before = (project / ROLES).read_bytes()

    done = run(project, *options)

    assert done.exit_code != 0
    assert message in str(done.exception)
    assert (project / ROLES).read_bytes() == before
