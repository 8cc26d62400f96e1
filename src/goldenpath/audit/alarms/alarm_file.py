"""Alarms as JSON lines in files of the home, for programs that collect logs."""

from pathlib import Path

import msgspec

from goldenpath.audit.alarms.notice import Notice
from goldenpath.files import append_lines


def append_alarm(folder: Path, name: str, notice: Notice) -> None:
    """Append the notice to the file of its month, once. Raises `OSError`."""
    moment = notice.opened_at if notice.state == "open" else notice.ended_at or notice.opened_at
    path = folder / f"{name}-{moment[:7]}.jsonl"
    line = msgspec.json.encode({"key": notice.key, **msgspec.to_builtins(notice)}) + b"\n"
    if path.exists() and line in path.read_bytes():
        return  # it was killed after it wrote this line
    append_lines(path, line)
