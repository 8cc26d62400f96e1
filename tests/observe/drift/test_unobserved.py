"""A release that cannot be monitored is an alarm: once while it lasts, also after a restart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from goldenpath.observe.drift.findings import MONITOR, load
from goldenpath.observe.drift.unobserved import UnobservedReleases

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RELEASE = ("prod", "credit", "sha256:" + "ab" * 32)
LATER = NOW + timedelta(hours=1)


def test_it_opens_once_and_ends_when_the_release_is_counted_again(tmp_path: Path) -> None:
    unobserved = UnobservedReleases(tmp_path)
    assert unobserved.observed(RELEASE, NOW) is None

    opened = unobserved.failed(RELEASE, "no such manifest", NOW)
    assert opened is not None and (opened.kind, opened.state) == ("unobserved", "open")
    assert "no such manifest" in opened.sentence
    assert unobserved.failed(RELEASE, "no such manifest", LATER) is None
    assert UnobservedReleases(tmp_path).failed(RELEASE, "still", LATER) is None

    ended = UnobservedReleases(tmp_path).observed(RELEASE, LATER)
    assert ended is not None and (ended.state, ended.resolved_by) == ("resolved", MONITOR)
    assert load(tmp_path, opened.id) == ended
    again = UnobservedReleases(tmp_path).failed(RELEASE, "gone again", LATER)
    assert again is not None and again.id != opened.id


def test_releases_and_stages_are_told_apart(tmp_path: Path) -> None:
    unobserved = UnobservedReleases(tmp_path)
    others = [("test", *RELEASE[1:]), (*RELEASE[:2], "sha256:" + "cd" * 32)]

    found = [unobserved.failed(release, "gone", NOW) for release in (RELEASE, *others)]

    assert len({each.id for each in found if each is not None}) == 3
