"""Renders times as text, so that every file and log writes them alike: RFC 3339 in UTC."""

from datetime import UTC, datetime


def timestamp(moment: datetime) -> str:
    """Return the moment as RFC 3339 in UTC, with microseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
