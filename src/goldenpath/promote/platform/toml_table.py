"""A TOML table that is read strictly: every fault is collected, no key is passed over.

Faults of one file are shown together, since who mends one wants to know of the next.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Table:
    """One table; what is taken out of it is typed, what is left over is a fault."""

    def __init__(self, values: Mapping[str, object], where: str, faults: list[str]) -> None:
        self._left = dict(values)
        self.where = where
        self.faults = faults

    def fault(self, key: str, expected: str, got: object) -> None:
        """Notes what is wrong with `key`."""
        self.faults.append(f"{self.where}{key}: expected {expected}, got {str(got)[:80]!r}")

    def has(self, key: str) -> bool:
        """Whether `key` is there and was not taken yet."""
        return key in self._left

    def text(self, key: str, default: str | None = None) -> str:
        """A string that is not empty; `default` if it is absent."""
        value = self._left.pop(key, default)
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "a string", "nothing" if value is None else value)
            return ""
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of different strings; empty if it is absent."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.fault(key, "a list of strings", value)
            return ()
        if len(set(value)) != len(value):
            self.fault(key, "no string twice", value)
        return tuple(value)

    def count(self, key: str, default: int) -> int:
        """A whole number from 0."""
        value = self._left.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.fault(key, "a whole number from 0", value)
            return default
        return value

    def flag(self, key: str) -> bool:
        """True or false; false if it is absent."""
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            self.fault(key, "true or false", value)
            return False
        return value

    def duration(self, key: str) -> timedelta:
        """A number with `s`, `m`, `h` or `d` behind it; nothing is 0."""
        value = self._left.pop(key, "0s")
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            self.fault(key, "a duration like 30s, 15m, 2h or 7d", value)
            return timedelta(0)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})

    def moment(self, key: str) -> datetime | None:
        """A date and time with its offset, in UTC; None if it is absent."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(key, "a date and time like 2026-01-31T00:00:00Z", value)
            return None
        return value.astimezone(UTC)

    def table(self, key: str) -> "Table":
        """A table below this one; an empty one, and a fault, if it is absent."""
        value = self._left.pop(key, None)
        if not isinstance(value, dict):
            self.fault(key, "a table", "nothing" if value is None else value)
            value = {}
        return Table(value, f"{self.where}{key}.", self.faults)

    def tables(self, key: str) -> tuple["Table", ...]:
        """An array of tables; empty if it is absent."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.fault(key, "an array of tables", value)
            return ()
        return tuple(
            Table(each, f"{self.where}{key}[{number}].", self.faults)
            for number, each in enumerate(value, start=1)
        )

    def end(self) -> None:
        """Notes each key that nobody asked for."""
        for key in self._left:
            self.faults.append(f"{self.where}{key}: is not a known key")


def read_table(content: bytes, file: str) -> Table:
    """The outermost table of a TOML file. Raises `InvalidInput` if it is not TOML at all."""
    return Table(parse_toml(content, file), "", [])


def refuse_faults(table: Table, file: str) -> None:
    """Raises `InvalidInput` with all faults, if there are any."""
    if table.faults:
        many = f"{len(table.faults)} faults" if len(table.faults) > 1 else "a fault"
        raise InvalidInput(f"{file} has {many}: {'; '.join(table.faults)}")


def duration_text(value: timedelta) -> str:
    """The shortest text of a duration that reads back the same."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
