"""Prediction log and Prometheus together: each tells what the other cannot, and of its holes.

The log decides: it is signed, and knows pairs. Prometheus knows declared slices where no key opens
the inputs, and how many answers there were: so a log that was cut off, or never arrived, shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenpath.canary.arms import Arm
from goldenpath.canary.judge import CountSource
from goldenpath.digest import Digest

_EDGE = timedelta(minutes=1)
"""At either end of a step, which one of both may have seen and the other not yet."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Two sources of one judge."""

    log: CountSource
    metrics: CountSource

    def arms(
        self,
        stage: str,
        model: str,
        releases: Sequence[Digest],
        since: datetime,
        *,
        until: datetime,
    ) -> tuple[Arm, ...]:
        """What the log has of each release, and what it lacks from the other."""
        recorded = self.log.arms(stage, model, releases, since, until=until)
        counted = self.metrics.arms(stage, model, releases, since, until=until)
        inner: Sequence[Arm] = [Arm()] * len(releases)
        if until - since > 2 * _EDGE:
            # What was answered well within the step has to be in the log by now.
            inner = self.metrics.arms(stage, model, releases, since + _EDGE, until=until - _EDGE)
        arms = tuple(
            _joined(*each) for each in zip(releases, recorded, counted, inner, strict=True)
        )
        if all(each.requests for each in recorded):
            return arms
        # Where the log has nothing of one, errors and durations of both are of one source.
        return tuple(
            replace(arm, requests=other.requests, failed=other.failed, slower=other.slower)
            for arm, other in zip(arms, counted, strict=True)
        )


def _joined(release: Digest, recorded: Arm, counted: Arm, inner: Arm) -> Arm:
    slices = {
        name: share
        for name, share in counted.answers.items()
        if " where " in name and not recorded.answers.get(name, (0, 0))[1]
    }
    gaps = recorded.gaps
    if recorded.requests < inner.requests:
        gaps = (
            *gaps,
            f"Prometheus counted {inner.requests} requests of {release.short}, and the log has "
            f"{recorded.requests}",
        )
    return replace(recorded, answers={**recorded.answers, **slices}, gaps=gaps)
