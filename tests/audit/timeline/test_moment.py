"""Times as people write them."""

from datetime import UTC, datetime

import pytest

from goldenpath.audit.timeline.moment import parse_moment, show_moment
from goldenpath.errors import InvalidInput

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_rfc_3339_says_its_own_zone() -> None:
    assert parse_moment("2026-01-14T14:03:00+01:00", NOW) == datetime(
        2026, 1, 14, 13, 3, tzinfo=UTC
    )


def test_a_time_without_zone_is_local() -> None:
    local = datetime(2026, 1, 14, 14, 3).astimezone()

    assert parse_moment("2026-01-14 14:03", NOW) == local
    assert parse_moment("now", NOW) == NOW


def test_a_time_alone_is_today() -> None:
    today = NOW.astimezone().date()

    assert parse_moment("14:03", NOW).astimezone().date() == today


def test_anything_else_is_refused_with_examples() -> None:
    with pytest.raises(InvalidInput, match="not a time"):
        parse_moment("last tuesday", NOW)


def test_a_moment_is_shown_in_utc() -> None:
    assert show_moment(NOW) == "2026-11-22T12:00:00Z"
