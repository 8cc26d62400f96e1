"""README and documentation against the code: what one names, the other has."""

import ast
import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from goldenpath.cli.families import VERBS, command_of
from goldenpath.promote.platform.platform import GATES
from goldenpath.promote.platform.vocabulary import EXAMPLE, OPEN

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))
_TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


def code(page: Path) -> str:
    """What a page shows as code: blocks and words between backticks."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])


def variables() -> Iterator[tuple[str, str]]:
    """Name and meaning of every environment variable that `goldenpath` reads for itself."""
    source = ROOT / "src" / "goldenpath"
    body = [
        node
        for name in ("home.py", "settings.py")
        for node in ast.parse((source / name).read_text()).body
    ]
    for node, after in itertools.pairwise(body):
        match node, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(variable))),
                ast.Expr(value=ast.Constant(value=str(meaning))),
            ) if name.endswith("_VARIABLE"):
                yield variable, " ".join(meaning.split())


def test_every_key_of_the_platform_file_is_on_the_page_of_settings() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    keys = {
        (source.stem, key)
        for source in (ROOT / "src" / "goldenpath" / "promote" / "platform").glob("*.py")
        for key in re.findall(
            r"\.(?:texts?|count|flag|duration|moment|tables?)\(\s*\"([a-z-]+)\"", source.read_text()
        )
    }

    assert len(keys) > 20
    for stem, key in sorted(keys):
        assert f"{key}`" in page or f"{key}]" in page, f"{stem}: {key}"


def test_every_make_command_of_the_documentation_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\bmake ([a-z-]+)", code(page)):
            assert target in _TARGETS, f"{page.name}: make {target}"


def test_the_continuous_integration_runs_both_commands_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()

    for command in ("make demo", "make test"):
        assert command in script
        assert command in README.read_text()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_says_what_it_does_and_prints_json_if_it_reports(name: str) -> None:
    command = command_of(name)
    silent = {"completion"}  # it prints a script
    found = dict(command.commands) if isinstance(command, click.Group) else {"": command}
    for sub, each in found.items():
        flags = {flag for parameter in each.params for flag in parameter.opts}
        assert each.help, f"{name} {sub}"
        assert "--output" in flags or f"{name} {sub}".strip() in silent, f"{name} {sub}"
        for parameter in each.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"goldenpath {name} {sub} {parameter.name} has no help"


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    found = dict(variables())

    assert len(found) >= 9
    for name, meaning in found.items():
        assert f"| `{name}` | {meaning} |" in page
    assert set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)) == set(found)


def test_every_dependency_has_its_line_of_why() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = README.read_text().partition("## Dependencies")[2].partition("\n## ")[0]
    for name in project["dependencies"]:
        stem = re.split(r"[^a-zA-Z0-9-]", name)[0].removeprefix("opentelemetry")
        assert stem in listed, name


def test_every_gate_and_every_name_that_an_expression_sees_is_documented() -> None:
    page = (ROOT / "docs" / "gates.md").read_text()

    for name in GATES:
        assert re.search(rf"^\| `{name}` \|", page, re.MULTILINE), name
    for name, value in EXAMPLE.items():
        assert f"`{name}`" in page, name
        first = value[0] if isinstance(value, list) else value
        for member in first if isinstance(first, dict) and name not in OPEN else ():
            assert f"`{member}`" in page, f"{name}.{member}"
