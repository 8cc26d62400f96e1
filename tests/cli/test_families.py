"""The list of verbs: six families, one true line each, and a suggestion for what is mistyped."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.cli.families import FAMILIES, VERBS, command_of
from goldenpath.cli.main import cli
from tests.cli.saying import Command

CLI = Path(__file__).parent.parent.parent / "src" / "goldenpath" / "cli"
TERMINAL = 80
LONG = {"status"}
"""Verbs whose page still stands in their file."""


@pytest.fixture
def goldenpath(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_help_shows_the_families_in_the_order_of_the_road(goldenpath: Command) -> None:
    said = goldenpath("--help")

    headings = [line[:-1] for line in said.out.splitlines() if line.endswith(":")][1:]
    assert headings == ["Set up", "Build", "Promote", "Run", "Look", "Prove"]
    assert len(VERBS) == sum(map(len, FAMILIES.values()))


def test_every_verb_has_one_line_that_a_terminal_holds(goldenpath: Command) -> None:
    lines = goldenpath("--help").out.splitlines()

    for name, line in VERBS.items():
        (shown,) = (each for each in lines if each.split()[:1] == [name])
        assert shown.endswith(line)
        assert len(shown) <= TERMINAL - 2


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_starts_with_the_verb_of_its_line(
    goldenpath: Command, name: str
) -> None:
    said = goldenpath(name, "--help")

    assert said.code == 0
    assert said.out.split("\n\n")[1].split()[0].strip(",") == VERBS[name].split()[0].strip(",")
    for line in said.out.splitlines()[1:]:
        assert not line.rstrip().endswith("..."), "a line of a sub-verb is cut"


def test_every_verb_is_in_a_family() -> None:
    has_verb = {
        path.stem.replace("_", "-")
        for path in CLI.glob("*.py")
        if any(line.startswith(("def verb(", "verb = ")) for line in path.read_text().splitlines())
    }

    assert has_verb == set(VERBS)


def test_help_imports_no_verb() -> None:
    program = (
        "import sys; from goldenpath.cli.main import cli; cli(['--help'], standalone_mode=False);"
        "print([name for name in sys.modules if name.startswith('goldenpath.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert "goldenpath.cli.families" in done.stdout
    assert "goldenpath.cli.promote" not in done.stdout
    assert "goldenpath.compose" not in done.stdout


@pytest.mark.parametrize(
    ("words", "error", "hint"),
    [
        ("promot", "goldenpath has no verb promot", "did you mean promote?"),
        ("STATUS", "goldenpath has no verb STATUS", "did you mean status?"),
        ("look", "goldenpath has no verb look", "the verbs of this family are status, inventory"),
        ("zzz", "goldenpath has no verb zzz", "see goldenpath --help"),
        ("key ad", "goldenpath key has no verb ad", "did you mean add?"),
        ("promote x --stge dev", "goldenpath promote has no option --stge", "mean --stage?"),
        ("promote x --too dev", "goldenpath promote has no option --too", "promote --help"),
        ("--verison", "goldenpath has no option --verison", "did you mean --version?"),
        ("promote x", "needs --stage: expected goldenpath promote RELEASE --stage STAGE", "--help"),
        ("promote", "needs RELEASE: expected goldenpath promote RELEASE --stage STAGE", "--help"),
        ("promote x --stage y --judge atuo", "--judge: 'atuo' is not one of", "did you mean auto?"),
        ("at now then", "got unexpected extra argument (then)", "see goldenpath at --help"),
        ("promote x --stage", "--stage", "see goldenpath --help"),
        ("up --listen here", "--listen: 'here' is not an address", "see goldenpath up --help"),
        ("send m --stage s --rows none", "--rows: file 'none' does not exist", "send --help"),
    ],
)
def test_a_wrong_word_gets_one_error_one_hint_and_exit_2(
    goldenpath: Command, words: str, error: str, hint: str
) -> None:
    said = goldenpath.run(words.split())
    first, second = said.err.splitlines()

    assert (said.code, said.out) == (2, "")
    assert first.startswith("error: ")
    assert error in first
    assert second.startswith("hint: ")
    assert hint in second


@pytest.mark.parametrize("words", ["", "key", "log", "person", "platform"])
def test_without_a_verb_there_is_help_and_exit_2(goldenpath: Command, words: str) -> None:
    said = goldenpath.run(words.split())

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: goldenpath")


def test_no_option_but_stage_names_a_stage_and_no_option_but_as_a_person() -> None:
    for name in VERBS:
        command = command_of(name)
        for each in (command, *getattr(command, "commands", {}).values()):
            shown = CliRunner().invoke(cli, [name, "--help"]).stdout
            assert not {"--to", "--for", "--not-in", "--as-stage"}.intersection(shown.split())
            for parameter in each.params:
                if parameter.name == "stage":
                    assert parameter.opts == ["--stage"]
                if parameter.type.name == "person":
                    assert parameter.opts == ["--as"]


def test_a_file_of_a_verb_has_less_than_60_lines_of_code() -> None:
    for path in CLI.glob("*.py"):
        text = path.read_text()
        lines = [line for line in text.splitlines() if line.strip()]
        is_verb = "@click.command" in text and path.stem != "holding"
        assert not is_verb or len(lines) < 60 or path.stem in LONG, f"{path.name}: {len(lines)}"


def test_verbs_that_compute_nothing_load_no_library_for_it() -> None:
    """A probe, a CI step or a change of a person must not wait for numpy and Arrow."""
    light = (
        "approve", "confirm", "events", "gate", "hold", "init", "inspect", "key", "person",
        "promote", "resume", "rollback", "rollout", "status", "verify", "waive", "why",
    )  # fmt: skip
    code = (
        "import sys\n"
        "from goldenpath.cli.families import command_of\n"
        f"for name in {light}: command_of(name)\n"
        "print([n for n in ('numpy', 'pyarrow', 'onnxruntime', 'mlflow') if n in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_verify_loads_what_reads_git_only_where_git_has_the_policy() -> None:
    """A CI step gives the policy as a file; half of its time was the import of the rest."""
    code = (
        "import sys\n"
        "from goldenpath.cli.families import command_of\n"
        "command_of('verify')\n"
        "print([n for n in sys.modules if n.startswith('goldenpath.promote.repository')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
