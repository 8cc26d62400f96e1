"""A strict reader of a TOML table: it collects every fault, and an unknown key is a fault.

All faults of a file are shown together, so that its author can mend them in one go.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import parse_toml

_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Table:
    """One table. Each method takes one key out as a typed value; a key left over is a fault."""

    def __init__(self, values: Mapping[str, object], where: str, faults: list[str]) -> None:
        self._left = dict(values)
        self.where = where
        self.faults = faults

    def fault(self, key: str, expected: str, got: object) -> None:
        """Add a fault of `key`."""
        self.faults.append(f"{self.where}{key}: expected {expected}, got {str(got)[:80]!r}")

    def has(self, key: str) -> bool:
        """Whether `key` is present and not taken yet."""
        return key in self._left

    def text(self, key: str, default: str | None = None) -> str:
        """Take a string that is not empty; `default` if the key is absent."""
        value = self._left.pop(key, default)
        if not isinstance(value, str) or not value.strip():
            self.fault(key, "a string", "nothing" if value is None else value)
            return ""
        return value

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """Return one of the known words, the first if there is none."""
        value = self.text(name, known[0])
        if value not in known:
            self.fault(name, " or ".join(known), value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Take a list of different strings; empty if the key is absent."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.fault(key, "a list of strings", value)
            return ()
        if len(set(value)) != len(value):
            self.fault(key, "no string twice", value)
        return tuple(value)

    def count(self, key: str, default: int) -> int:
        """Take a whole number, 0 or more; `default` if the key is absent."""
        value = self._left.pop(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            self.fault(key, "a whole number from 0", value)
            return default
        return value

    def share(self, key: str, default: float) -> float:
        """Take a number above 0 and at most 1; `default` if the key is absent."""
        value = self._left.pop(key, default)
        # Written so that a number that is none (NaN) is a fault.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            self.fault(key, "a number above 0 and at most 1", value)
            return default
        return float(value)

    def flag(self, key: str) -> bool:
        """Take a boolean; False if the key is absent."""
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            self.fault(key, "true or false", value)
            return False
        return value

    def duration(self, key: str) -> timedelta:
        """Take a duration such as `30s`, `15m`, `2h` or `7d`; 0 if the key is absent."""
        value = self._left.pop(key, "0s")
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.fault(key, "a duration like 30s, 15m, 2h or 7d", value)
            return timedelta(0)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})

    def moment(self, key: str) -> datetime | None:
        """Take a date and time with an offset, as UTC; None if the key is absent."""
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(key, "a date and time like 2026-01-31T00:00:00Z", value)
            return None
        return value.astimezone(UTC)

    def table(self, key: str) -> "Table":
        """Take a table below this one. If it is absent: a fault, and an empty table."""
        value = self._left.pop(key, None)
        if not isinstance(value, dict):
            self.fault(key, "a table", "nothing" if value is None else value)
            value = {}
        return Table(value, f"{self.where}{key}.", self.faults)

    def tables(self, key: str) -> tuple["Table", ...]:
        """Take an array of tables; empty if the key is absent."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            self.fault(key, "an array of tables", value)
            return ()
        return tuple(
            Table(each, f"{self.where}{key}[{number}].", self.faults)
            for number, each in enumerate(value, start=1)
        )

    def end(self) -> None:
        """Add a fault for each key that was not taken."""
        for key in self._left:
            self.faults.append(f"{self.where}{key}: is not a known key")


def read_table(content: bytes, file: str) -> Table:
    """Return the top-level table of a TOML file. Raises `InvalidInput` if it is not TOML."""
    return Table(parse_toml(content, file), "", [])


def refuse_faults(table: Table, file: str) -> None:
    """Raise `InvalidInput` with all faults, if there are any."""
    if table.faults:
        many = f"{len(table.faults)} faults" if len(table.faults) > 1 else "a fault"
        raise InvalidInput(f"{file} has {many}: {'; '.join(table.faults)}")


def duration_text(value: timedelta) -> str:
    """Return the duration as text in the largest unit that divides it, such as `2h`."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
