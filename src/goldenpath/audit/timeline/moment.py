"""Moments as people write and read them."""

from datetime import UTC, datetime

from goldenpath.errors import InvalidInput


def parse_moment(text: str, now: datetime) -> datetime:
    """Return a moment in UTC.

    `text` is RFC 3339, `2026-01-14 14:03` in local time, `14:03` for today, or `now`. Local time
    is in the time zone of this machine, with daylight saving. Raises `InvalidInput`.
    """
    if text == "now":
        return now.astimezone(UTC)
    today = now.astimezone().date().isoformat()
    for candidate in (text, f"{today}T{text}"):
        try:
            return datetime.fromisoformat(candidate).astimezone(UTC)
        except (ValueError, OverflowError):  # the years 1 and 9999 have no time in every zone
            continue
    raise InvalidInput(
        f"{text!r} is not a time",
        hint="write 2026-01-14T14:03:00Z, '2026-01-14 14:03' (local time), 14:03 or now",
    )


def show_moment(moment: datetime) -> str:
    """Return the moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
