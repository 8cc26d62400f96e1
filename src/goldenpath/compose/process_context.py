"""This process: where its home is, what time it is, which tools it has."""

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath import files
from goldenpath.errors import Unavailable
from goldenpath.settings import Home, project_environment

if TYPE_CHECKING:
    from goldenpath.audit.events.event_log import EventLog


def home() -> Home:
    """The home of the embedded defaults, as the environment and the working folder name it."""
    return Home.find(os.environ, Path.cwd())


def now() -> datetime:
    """This instant in UTC: the one clock of the verbs."""
    return datetime.now(UTC)


def event_log(home: Home) -> "EventLog":
    """The audit log of this machine."""
    from goldenpath.audit.events.event_log import EventLog

    return EventLog(home.events)


def tools() -> Mapping[str, str]:
    """The environment for uv and git: that of this process, with this Python to build on."""
    return project_environment(os.environ, sys.executable)


def uv() -> str:
    """The uv that was installed with us, else the one on the path."""
    from uv import find_uv_bin

    try:
        return find_uv_bin()
    except FileNotFoundError:
        return "uv"


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all. Raises `Unavailable`."""
    try:
        files.write_whole(file, content, 0o644)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
