"""Compares holds with the audit log while the platform runs: a removed file is an alarm."""

from datetime import datetime, timedelta

from goldenpath.audit.answers.holds_on_record import HoldEvents, faults_of_holds
from goldenpath.audit.events.chain import parse_link
from goldenpath.audit.events.event_tail import lines_after
from goldenpath.deploy.machine.observations import Warned
from goldenpath.deploy.reconcile.status import Status
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.times import ElapsedTime

_EVERY = timedelta(seconds=10)
_MARK = b'"hold.'
"""In every line about a hold, so that the other lines need not be parsed."""


class HoldWatch:
    """It reads the audit log further each time. The chain of the log is checked by others."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._events = HoldEvents()
        self._position = ("", 0)
        self._elapsed = ElapsedTime()
        self._next = 0.0
        """When it looks again, in seconds that passed."""
        self._found: tuple[Warned, ...] = ()
        self.in_force: tuple[str, ...] | None = None
        """The cases that keep records, by the audit log; None before the first look."""

    def __call__(self, status: Status) -> tuple[Warned, ...]:
        """Return the alarms that are due."""
        at = self._elapsed.at(datetime.fromisoformat(status.time))
        if self.in_force is None or self._next <= at:
            self._next = at + _EVERY.total_seconds()
            self._look()
        return self._found

    def _look(self) -> None:
        try:
            for line, position in lines_after(self._home.events, self._position):
                self._position = position
                if _MARK in line:
                    self._events.add(parse_link(line).event)
        except (GoldenPathError, OSError) as error:
            self._found = (Warned("", "hold", f"the audit log cannot be read: {error}"),)
            return
        self.in_force = self._events.in_force
        faults = faults_of_holds(self._home, self._events)
        self._found = tuple(Warned("", "hold", f"{each}; nothing expires") for each in faults)
