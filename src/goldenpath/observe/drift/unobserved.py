"""Findings about releases whose answers cannot be monitored: an alarm, not a line in a log.

    observed --cannot be opened or counted--> open --counted again--> resolved

A release that cannot be opened has no drift, no outcomes and no score in the metrics. Nothing would
differ from a release that is well, so each gets one finding while it lasts.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from goldenpath.errors import GoldenPathError
from goldenpath.observe.drift.findings import MONITOR, DriftFinding, load, resolved, save
from goldenpath.times import timestamp

Release = tuple[str, str, str]
"""Stage, model and digest."""


class UnobservedReleases:
    """The open findings of this kind. They are in files, so a restart goes on with them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[Release, DriftFinding] = dict(_open_findings(folder))

    def failed(self, release: Release, reason: str, now: datetime) -> DriftFinding | None:
        """Return a new finding, saved; None if there is one already. Raises `OSError`."""
        if release in self._open:
            return None
        stage, model, digest = release
        short = digest.removeprefix("sha256:")[:8]
        finding = DriftFinding(
            id=f"unobserved-{now:%Y%m%dT%H%M%S}-{short}-{stage}",
            stage=stage,
            model=model,
            release=digest,
            feature="",
            kind="unobserved",
            opened_at=timestamp(now),
            since=timestamp(now),
            evidence=0.0,
            threshold=0.0,
            size=0.0,
            looks=0,
            rows=0,
            sentence=f"nothing about this release is monitored: {reason}",
        )
        save(self._folder, finding)
        self._open[release] = finding
        return finding

    def observed(self, release: Release, now: datetime) -> DriftFinding | None:
        """Return the finding that ends because the release is counted again; None if none does."""
        finding = self._open.pop(release, None)
        if finding is None:
            return None
        ended = resolved(finding, MONITOR, "its answers are counted again", now)
        save(self._folder, ended)
        return ended


def _open_findings(folder: Path) -> Mapping[Release, DriftFinding]:
    found: dict[Release, DriftFinding] = {}
    for path in sorted(folder.glob("unobserved-*.json")):
        try:
            finding = load(folder, path.stem)
        except GoldenPathError:
            continue  # reported by whoever delivers findings
        if finding.state == "open":
            found[finding.stage, finding.model, finding.release] = finding
    return found
