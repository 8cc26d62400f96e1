"""The tutorial, by its very commands: what the page shows is what they print."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.commands import calls_in, fault
from tests.sizes import full_size
from tests.starter import environment

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def blocks(language: str) -> str:
    """The blocks of one language, in the order of the page."""
    text = PAGE.read_text("utf-8")
    return "".join(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def pattern(line: str) -> str:
    """What a printed line looks like on another day: other digests and numbers."""
    parts = re.split(r"(\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b|\d+(?:\.\d+)?(?:e-\d+)?| +)", line)
    return "".join(
        " +" if part.isspace()
        else f"[0-9a-f]{{{len(part)}}}" if re.fullmatch("[0-9a-f]{12,}", part)
        else r"\d+(?:\.\d+)?(?:e-\d+)?" if part[:1].isdigit()
        else re.escape(part)
        for part in parts
    )  # fmt: skip


@full_size("test_every_command_of_the_tutorial_can_be_typed")
def test_the_tutorial_ends_with_a_canary_that_was_rolled_back(tmp_path: Path) -> None:
    programs = Path(sys.executable).parent
    own = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    try:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", blocks("bash")], cwd=tmp_path, capture_output=True,
            env={**environment(), **own}, text=True, timeout=600, check=False,
        )  # fmt: skip
    finally:
        subprocess.run([programs / "goldenpath", "down"], cwd=tmp_path / "tutorial", check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    for line in blocks("text").splitlines():
        assert re.search(f"^{pattern(line)}$", done.stdout, re.MULTILINE), line


def test_every_command_of_the_tutorial_can_be_typed() -> None:
    calls = list(calls_in(blocks("bash").replace("\\\n", " ")))

    assert len(calls) > 12
    assert [fault(call) for call in calls] == [None] * len(calls)
    assert subprocess.run(["bash", "-n", "-c", blocks("bash")], check=False).returncode == 0


def test_another_number_is_the_same_line_and_another_word_is_not() -> None:
    shown = pattern("release   sha256:6c2f9b83f8dc    80.0%")

    assert re.fullmatch(shown, "release   sha256:0123456789ab    79.9%")
    assert not re.fullmatch(shown, "release   sha256:0123456789ab    none")
