"""The prediction log and Prometheus together, as one source of the canary judge.

The log comes first: it is signed, and it has pairs. Prometheus adds declared slices if no key opens
the inputs. It also has the number of answers, which shows that records are missing in the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from goldenpath.canary.arms import Arm
from goldenpath.canary.judge import CountSource
from goldenpath.digest import Digest

_EDGE = timedelta(minutes=1)
"""The time at both ends of a step in which one source may be ahead of the other."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The log and the metrics as one source."""

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
        """Return the log's counts of each release, completed by those of the metrics."""
        recorded = self.log.arms(stage, model, releases, since, until=until)
        counted = self.metrics.arms(stage, model, releases, since, until=until)
        inner: Sequence[Arm] = [Arm()] * len(releases)
        if until - since > 2 * _EDGE:
            # Answers from well inside the step must be in the log by now.
            inner = self.metrics.arms(stage, model, releases, since + _EDGE, until=until - _EDGE)
        arms = tuple(
            _joined(*each) for each in zip(releases, recorded, counted, inner, strict=True)
        )
        if all(each.requests for each in recorded):
            return arms
        # Errors, refusals and durations of both releases must come from the same source.
        return tuple(
            replace(
                arm,
                requests=other.requests,
                failed=other.failed,
                slower=other.slower,
                refused=other.refused,
            )
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
