"""Whether the person who approved a statement was listed in the platform on that day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Protocol

from goldenpath.errors import did_you_mean
from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.placeholders import placeholder_in
from goldenpath.project.claims.statement_head import FILL


class ListedPerson(Protocol):
    """A person of the platform, with the time in which they may sign; None means no limit."""

    @property
    def name(self) -> str: ...
    @property
    def valid_from(self) -> datetime | None: ...
    @property
    def valid_until(self) -> datetime | None: ...


def approver_faults(
    file: str, values: Mapping[str, object], people: Sequence[ListedPerson] | None
) -> Iterator[Fault]:
    """Yield why the approver of a statement counts for nothing; `people` is None if not known.

    An empty field is a fault of its own, so it is left out here.
    """
    owner, approver = values.get("owner"), values.get("approved_by")
    for key, name in (("owner", owner), ("approved_by", approver)):
        placeholder = placeholder_in(name) if isinstance(name, str) else ""
        if placeholder:
            yield Fault(file, key, "the name or role of a person", repr(name), FILL)
    if people is None or not isinstance(approver, str) or not approver:
        return
    person = next((each for each in people if each.name == approver), None)
    if person is None:
        names = [each.name for each in people]
        yield Fault(
            file,
            "approved_by",
            f"a person whom platform.toml lists: {', '.join(names) or 'nobody yet'}",
            repr(approver),
            did_you_mean(approver, names)
            or "write the name under which the approver is listed, or list them: "
            "goldenpath person add NAME --role ROLE --ssh-key FILE.pub",
        )
        return
    day = _day(values.get("approved_on"))
    if day is not None:
        yield from _time_faults(file, person, day)


def _time_faults(file: str, person: ListedPerson, day: date) -> Iterator[Fault]:
    start, end = person.valid_from, person.valid_until
    if start is not None and day < start.astimezone(UTC).date():
        got = f"{day}, and {person.name} is listed from {start.astimezone(UTC).date()} on"
        yield Fault(file, "approved_on", "a day on which the approver was listed", got)
    if end is not None and day > end.astimezone(UTC).date():
        got = f"{day}, and the time of {person.name} ended on {end.astimezone(UTC).date()}"
        yield Fault(file, "approved_on", "a day on which the approver was listed", got)


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
