"""The runner of the demo: shows each command, runs it, and keeps the proven claims."""

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.canonical import JsonValue
from goldenpath.errors import GoldenPathError
from goldenpath.processes.tool import run_tool

COMMAND_LIMIT = 600.0
"""Seconds after which a command of the demo counts as hanging."""
MOST_LINES = 6
"""Lines of a command's output that are shown."""
TRANSCRIPT = "transcript.txt"
"""The file in the folder of the demo with everything that its commands printed."""


class ClaimFailed(GoldenPathError):
    """Raised when a claim of a demo step does not hold."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, and whether the last commands prove it."""

    step: str
    text: str
    holds: bool


@dataclass(slots=True)
class Walk:
    """The folder of the demo, and the record of its steps and claims."""

    folder: Path
    say: Callable[[str], None]
    environment: Mapping[str, str]
    poll: float = 0.5
    """Seconds between two polls."""
    step: str = ""
    claims: list[Claim] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = 0.0

    def begin(self, title: str, why: str = "") -> None:
        """Begin a step, with what it is to show; its time runs until the next one begins."""
        self.end()
        self.step = title
        self._began = time.monotonic()
        self.say(f"\n\033[1m{title}\033[0m" if sys.stderr.isatty() else f"\n{title}")
        if why:
            self.say(f"   {why}")

    def end(self) -> None:
        """End the running step."""
        if self.step:
            self.seconds[self.step] = round(time.monotonic() - self._began, 2)

    def run(self, line: str, *, into: str = "", expect: int = 0) -> str:
        """Show `line`, run it in the folder `into`, and return its standard output.

        The transcript has all that it prints. Shown are the first lines of its answer, and those of
        its errors where the exit code says no. Raises `ClaimFailed` if that is not `expect`.
        """
        shown = f"  $ {f'cd {into} && ' if into else ''}{line}"
        self.say(shown)
        words, environment = self._parsed(line)
        result = run_tool(
            words, folder=self.folder / into, environment=environment, seconds=COMMAND_LIMIT
        )
        errors, answer = (part.decode().rstrip() for part in (result.errors, result.output))
        with (self.folder / TRANSCRIPT).open("a", encoding="utf-8") as transcript:
            transcript.writelines(f"{text}\n" for text in (shown, errors, answer) if text)
        self._show("\n".join((errors, answer)).strip() if result.exit_code else answer)
        if result.exit_code != expect:
            raise ClaimFailed(
                f"{line.split(' --')[0]!r} ended with exit code {result.exit_code}, "
                f"expected {expect}",
                hint=f"inspect the folder {self.folder}",
            )
        return result.output.decode()

    def _show(self, printed: str) -> None:
        lines = printed.splitlines()
        # A last line alone takes no more room than the words about it.
        most = MOST_LINES if len(lines) > MOST_LINES + 1 else len(lines)
        for line in lines[:most]:
            self.say(f"    {line}")
        if len(lines) > most:
            self.say(f"    … {len(lines) - most} more lines in {TRANSCRIPT}")

    def ask(self, line: str, *, into: str = "") -> JsonValue:
        """Run a command without showing it, and return its JSON output to check a claim."""
        words, environment = self._parsed(line)
        result = run_tool(
            [*words, "--output", "json"],
            folder=self.folder / into,
            environment=environment,
            seconds=COMMAND_LIMIT,
        )
        if not result.output:
            raise ClaimFailed(f"{line!r} printed nothing: {result.complaint[-400:]}")
        value: JsonValue = json.loads(result.output)
        return value

    def until(
        self, line: str, is_reached: Callable[[JsonValue], bool], seconds: float = 60.0
    ) -> JsonValue:
        """Poll until the answer is as expected or the time is up, and return the last answer."""
        deadline = time.monotonic() + seconds
        while not is_reached(answer := self.ask(line)) and time.monotonic() < deadline:
            time.sleep(self.poll)
        return answer

    def claim(self, text: str, holds: bool) -> None:
        """Record a claim. Raises `ClaimFailed` if it does not hold."""
        self.claims.append(Claim(self.step, text, holds))
        self.say(f"  {'✓' if holds else '✗'} {text}")
        if not holds:
            raise ClaimFailed(f"the demo's claim does not hold: {text}")

    def _parsed(self, line: str) -> tuple[list[str], dict[str, str]]:
        """Return the arguments of a command, and its environment with the leading settings."""
        words, environment = shlex.split(line), dict(self.environment)
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environment[name] = value
        if words[0] in _OURS:
            words[0] = str(Path(sys.executable).parent / words[0])
        return words, environment


def at(value: JsonValue, *path: str) -> JsonValue:
    """Return the member at `path`; None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def text(value: JsonValue, *path: str) -> str:
    """Return the string at `path`; empty if there is none."""
    member = at(value, *path)
    return member if isinstance(member, str) else ""


def items(value: JsonValue) -> tuple[JsonValue, ...]:
    """Return the items of a list; no items for any other value."""
    return tuple(value) if isinstance(value, list) else ()


def last(value: JsonValue) -> JsonValue:
    """Return the last item of a list; None if there is none."""
    return value[-1] if isinstance(value, list) and value else None


_OURS = frozenset({"goldenpath", "uv"})
# Else the demo would commit to the caller's platform, or sign with the caller's key.
_NOT_INHERITED = frozenset(
    {
        "GOLDENPATH_GITOPS",
        "GOLDENPATH_IDENTITY",
        "GOLDENPATH_SIGNING_KEY",
        "MLFLOW_TRACKING_URI",
        "VIRTUAL_ENV",
    }
)


def environment(folder: Path, caller: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's environment with the home and git identity of the demo."""
    kept = {name: value for name, value in caller.items() if name not in _NOT_INHERITED}
    return {
        **kept,
        "GOLDENPATH_HOME": str(folder / ".goldenpath"),
        "GIT_AUTHOR_NAME": "data-scientist",
        "GIT_AUTHOR_EMAIL": "data-scientist@bank.example",
        "GIT_COMMITTER_NAME": "data-scientist",
        "GIT_COMMITTER_EMAIL": "data-scientist@bank.example",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{caller.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "UV_PYTHON": sys.executable,
        "NO_COLOR": "1",
    }
