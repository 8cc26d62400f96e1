"""The outbox of one channel: messages that wait, each a file that survives SIGKILL.

    due --deposit--> waiting --acknowledge--> delivered

`deposit` returns once the message is on disk. `acknowledge` removes it, after the receiver took it.
A process that is killed between the receiver's answer and `acknowledge` sends the message again
under the same key. The ledger names what was deposited, so nothing is deposited twice. It is
written after the message: a process that is killed between the two finds the message by its key.

A full outbox takes nothing more. What does not fit stays due, because findings and the audit log
are the source, and is deposited once there is room.
"""

import re
from pathlib import Path

import msgspec

from goldenpath.audit.alarms.notice import Notice
from goldenpath.audit.events.event_tail import LogPosition
from goldenpath.errors import InvalidInput
from goldenpath.files import sync_folder, write_whole
from goldenpath.parsers.typed import read_record

MOST_WAITING = 10_000
"""Messages that one channel keeps; with the longest texts about 100 MB."""
LEDGER = "ledger.json"
_NAME = re.compile(r"(\d{12})-(.+)\.json")
_REFUSED = re.compile(r"[^A-Za-z0-9._-]")


class Ledger(msgspec.Struct):
    """What a channel was given already."""

    position: LogPosition | None = None
    findings: dict[str, str] = msgspec.field(default_factory=dict)
    """State in which each finding was deposited last, by id."""
    number: int = 0
    """Number of the next message."""
    version: int = 1


class Outbox:
    """The outbox in `folder`. One process deposits and acknowledges; others may look."""

    def __init__(self, folder: Path, most: int = MOST_WAITING) -> None:
        """Raises `InvalidInput` if the ledger is malformed: then nobody knows what was sent."""
        self.folder = folder
        self._most = most
        try:
            self.ledger = read_record(folder / LEDGER, Ledger)
        except FileNotFoundError:
            self.ledger = Ledger()
        self._waiting = {name: _key(name) for name in waiting_names(folder)}
        numbers = [int(name[:12]) + 1 for name in self._waiting]
        self.ledger.number = max([self.ledger.number, *numbers])

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another message."""
        return len(self._waiting) >= self._most

    def deposit(self, notice: Notice) -> bool:
        """Store a message; return False if the outbox is full. Raises `OSError`.

        A message whose key waits already is not stored again.
        """
        key = safe_name(notice.key)
        if key in self._waiting.values():
            return True
        if self.is_full:
            return False
        name = f"{self.ledger.number:012d}-{key}.json"
        write_whole(self.folder / name, msgspec.json.encode(notice))
        self.ledger.number += 1
        self._waiting[name] = key
        return True

    def save(self) -> None:
        """Write the ledger. Raises `OSError`."""
        write_whole(self.folder / LEDGER, msgspec.json.encode(self.ledger))

    def names(self) -> list[str]:
        """Return the names of the messages that wait, the oldest first."""
        return sorted(self._waiting.copy())

    def read(self, name: str) -> Notice:
        """Return a message. Raises `InvalidInput` if it is malformed or somebody removed it."""
        try:
            return read_record(self.folder / name, Notice)
        except FileNotFoundError as error:
            raise InvalidInput(f"the message {name} was removed from the outbox") from error

    def acknowledge(self, name: str) -> None:
        """Remove a message that the receiver took. Raises `OSError`."""
        (self.folder / name).unlink(missing_ok=True)
        sync_folder(self.folder)
        self._waiting.pop(name, None)

    def __len__(self) -> int:
        return len(self._waiting)


def waiting_names(folder: Path) -> list[str]:
    """Return the names of the messages in the folder of an outbox, the oldest first."""
    try:
        return sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))
    except FileNotFoundError:
        return []


def safe_name(key: str) -> str:
    """Return a key as a part of a file name."""
    return _REFUSED.sub("-", key)[:200]


def _key(name: str) -> str:
    match = _NAME.fullmatch(name)
    return match[2] if match else ""
