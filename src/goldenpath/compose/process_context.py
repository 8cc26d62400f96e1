"""The context of this process: its home, the time, its tools."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath import files
from goldenpath.errors import Unavailable
from goldenpath.home import Home
from goldenpath.settings import project_environment

if TYPE_CHECKING:
    from goldenpath.audit.events.commit_events import CommitEvents
    from goldenpath.audit.events.event_log import EventLog
    from goldenpath.promote.repository.worktree import Repository


def home() -> Home:
    """Return the home of the embedded defaults, by the environment or the working folder."""
    return Home.find(os.environ, Path.cwd())


def now() -> datetime:
    """Return the time now in UTC: the only clock of the verbs."""
    return datetime.now(UTC)


def event_log(home: Home) -> "EventLog":
    """Return the audit log of this machine."""
    from goldenpath.audit.events.event_log import EventLog

    return EventLog(home.events)


def commit_events(home: Home, repository: "Repository") -> "CommitEvents":
    """Return the events of the commits of a repository in the audit log of this machine."""
    from goldenpath.audit.events.commit_events import CommitEvents

    return CommitEvents(home.events, repository, now)


def tools() -> Mapping[str, str]:
    """Return the environment for uv and git: that of this process, with this Python."""
    return project_environment(os.environ, sys.executable)


def uv() -> str:
    """Return the path of the uv that was installed with goldenpath, else of the one on PATH."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):  # an image for ONNX models has no uv
        return "uv"


def write_whole(file: Path, content: bytes) -> None:
    """Write a file atomically. Raises `Unavailable`."""
    try:
        files.write_whole(file, content, 0o644)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
