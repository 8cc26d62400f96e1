"""The CI pipelines of a new project are valid for their forges, and call one command.

They are checked against the schemas of SchemaStore (Apache-2.0) and GitLab (MIT), as
check-jsonschema 0.39.0 ships them, and with actionlint if it is installed (`scripts/fetch-tools`).
"""

import json
import lzma
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from goldenpath.version import __version__
from tests.programs import program

DATA = Path(__file__).parent.parent / "data"
GITHUB, GITLAB = ".github/workflows/goldenpath.yml", ".gitlab-ci.yml"
INSTALL = f"python -m pip install goldenpath=={__version__}"


class _ForgeLoader(yaml.SafeLoader):
    """Reads YAML as forges do: `on` is a string, not a boolean (YAML 1.2)."""


_ForgeLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if not pair[0].endswith(":bool") or first not in "oO"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(project: Path, file: str) -> dict[str, object]:
    text = (project / file).read_text()
    value: dict[str, object] = yaml.load(text, _ForgeLoader)  # noqa: S506
    return value


def validator(name: str) -> Draft7Validator:
    content = lzma.decompress((DATA / f"{name}.schema.json.xz").read_bytes())
    return Draft7Validator(json.loads(content))


def faults(project: Path, file: str, schema: str) -> list[str]:
    return [error.message for error in validator(schema).iter_errors(read(project, file))]


def test_both_pipelines_conform_to_the_schemas_of_their_forges(starter: Path) -> None:
    assert faults(starter, GITHUB, "github-workflow") == []
    assert faults(starter, GITLAB, "gitlab-ci") == []


@pytest.mark.parametrize(
    ("file", "schema", "old", "new"),
    [
        (GITHUB, "github-workflow", "runs-on: ubuntu-24.04", "run-on: ubuntu-24.04"),
        (GITHUB, "github-workflow", "contents: read", "contents: all"),
        (GITLAB, "gitlab-ci", "timeout: 1h", "timeout: [1h]"),
    ],
)
def test_the_schemas_reject_a_mistake(
    project: Path, file: str, schema: str, old: str, new: str
) -> None:
    text = (project / file).read_text()
    assert old in text
    (project / file).write_text(text.replace(old, new, 1))

    assert faults(project, file, schema)


def test_a_pull_request_runs_the_smoke_build_and_a_merge_runs_the_build(starter: Path) -> None:
    jobs, gitlab = read(starter, GITHUB)["jobs"], read(starter, GITLAB)
    assert isinstance(jobs, dict)

    for name, command in (("check", "goldenpath build --smoke"), ("build", "goldenpath build")):
        steps = [step["run"] for step in jobs[name]["steps"] if "run" in step]
        job = gitlab[name]
        assert isinstance(job, dict)
        assert steps == job["script"] == [INSTALL, command]
    assert jobs["check"]["if"] == "github.event_name == 'pull_request'"
    assert jobs["build"]["if"] == "github.event_name == 'push'"


def test_permissions_are_minimal_and_actions_are_pinned(starter: Path) -> None:
    value, text = read(starter, GITHUB), (starter / GITHUB).read_text()
    jobs = value["jobs"]
    assert isinstance(jobs, dict)

    assert value["permissions"] == {"contents": "read"}
    uses = [step["uses"] for job in jobs.values() for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[a-z-]+@[a-f0-9]{40}", action) for action in uses)
    assert text.count("persist-credentials: false") == len(jobs)
    # The job that runs the code of a pull request has no access to secrets.
    assert "secrets." not in json.dumps(jobs["check"])
    assert "PRIVATE KEY" not in text + (starter / GITLAB).read_text()


@pytest.mark.interop
def test_actionlint_reports_no_error(starter: Path) -> None:
    process = subprocess.run(
        [program("actionlint"), "-shellcheck=", "-pyflakes=", starter / GITHUB],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (process.returncode, process.stdout) == (0, "")
