"""Asks an API server by kubectl, which knows every way to log in to a cluster.

It only reads and tries: an object is created with `--dry-run=server`, so admission judges it and
nothing is stored. An answer that could not be had is kept apart from the answer "there is none".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.errors import Unavailable
from goldenpath.processes.tool import run_tool

_SECONDS = 60.0
_LIMIT = f"--request-timeout={_SECONDS / 2:g}s"
_SHOWN = 400
_DENIED = re.compile(r"denied the request|\(Invalid\)|is invalid|\(BadRequest\)|strict decoding")


@dataclass(frozen=True, slots=True)
class ClusterAnswer:
    """What the API server answered: an object, that there is none, or why it is not known."""

    state: Literal["found", "absent", "unknown"]
    value: Mapping[str, JsonValue]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TriedObject:
    """Whether an object would be admitted."""

    state: Literal["admitted", "refused", "unknown"]
    message: str = ""
    created: str = ""
    """The time that the API server would write, as RFC 3339."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One cluster, by a context of the user's kubeconfig; empty for the current one."""

    context: str = ""
    program: str = "kubectl"

    def get(self, path: str) -> ClusterAnswer:
        """Return the object at a path of the API."""
        try:
            run = run_tool([*self._command("get"), "--raw", path], seconds=_SECONDS)
        except Unavailable as error:
            return ClusterAnswer("unknown", {}, error.message)
        if run.exit_code:
            is_absent = "(NotFound)" in run.complaint
            return ClusterAnswer("absent" if is_absent else "unknown", {}, _short(run.complaint))
        value = _mapping(run.text)
        if not value:
            return ClusterAnswer("unknown", {}, f"{path} is no JSON object")
        return ClusterAnswer("found", value)

    def try_out(self, item: Mapping[str, JsonValue]) -> TriedObject:
        """Return whether the API server would create the object."""
        command = [*self._command("create"), "--dry-run=server", "-o", "json", "-f", "-"]
        try:
            run = run_tool(command, stdin=json.dumps(item).encode("utf-8"), seconds=_SECONDS)
        except Unavailable as error:
            return TriedObject("unknown", error.message)
        if run.exit_code:
            is_refused = _DENIED.search(run.complaint) is not None
            return TriedObject("refused" if is_refused else "unknown", _short(run.complaint))
        metadata = _mapping(run.text).get("metadata")
        created = metadata.get("creationTimestamp") if isinstance(metadata, dict) else None
        return TriedObject("admitted", created=created if isinstance(created, str) else "")

    def _command(self, verb: str) -> list[str]:
        context = ["--context", self.context] if self.context else []
        return [self.program, *context, verb, _LIMIT]


def _mapping(text: str) -> dict[str, JsonValue]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _short(complaint: str) -> str:
    """Return the last line that says something, without line breaks."""
    lines = [line for line in complaint.splitlines() if line.strip()]
    return (lines[-1] if lines else "kubectl gave no reason")[:_SHOWN]
