"""The evidence of a release as plain data, and the gates that a platform defines over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.declared_limits import declared_tier
from goldenpath.promote.gates.gate import Evidence, Gate
from goldenpath.promote.gates.installed_gate import Installed
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import parse_time
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    origin_of,
    packages_of,
)
from goldenpath.train.training_run import Dataset, Metric


@dataclass(frozen=True, slots=True)
class Written:
    """A gate that `platform.toml` defines as an expression."""

    expression: Expression

    @property
    def name(self) -> str:
        """The name that the platform gives it."""
        return self.expression.name

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Evaluate the expression over the evidence."""
        return self.expression.judge(facts(evidence, stage, now))


def written_gates(platform: Platform) -> tuple[Gate, ...]:
    """Return the gates that the platform defines itself, as expressions and as objects."""
    expressions = tuple(Written(each) for each in platform.expressions)
    return (*expressions, *(Installed(each) for each in platform.named_gates))


def facts(evidence: Evidence, stage: Stage, now: datetime) -> Mapping[str, object]:
    """Return the facts for expressions, in the shape of `promote.platform.vocabulary.EXAMPLE`.

    Raises `InvalidInput` without a valid provenance or evaluation.
    """
    origin, evaluation = origin_of(evidence.verified), evaluation_of(evidence.verified)
    if origin is None or evaluation is None:
        raise InvalidInput("the release has no valid provenance or no valid evaluation")
    live = evidence.live
    return {
        "release": {
            "digest": evidence.digest.text,
            "model": evidence.model,
            "tier": declared_tier(evidence.documents)[0],
            "commit": origin.commit,
            "repository": origin.repository,
            "author": str(origin.internal.get("author", "")),
            "dirty": origin.internal.get("dirty") is not False,
            "seed": origin.seed,
            "threads": origin.internal.get("threads"),
            "python": str(origin.internal.get("python", "")),
            "started": parse_time(origin.started_at),
            "finished": parse_time(origin.finished_at),
            "rows": evaluation.rows,
            "skew": evaluation.largest_skew,
        },
        "parameters": dict(origin.parameters),
        "overall": _overall(evaluation.metrics),
        "metrics": [_metric(each) for each in evaluation.metrics],
        "datasets": [_dataset(each) for each in datasets_of(evidence.verified)],
        "checks": [
            {
                "name": each.name,
                "passed": each.passed,
                "detail": each.detail,
                "seconds": each.seconds,
            }
            for each in checks_of(evidence.verified)
        ],
        "packages": [
            {"name": each.name, "version": each.version, "licence": each.licence}
            for each in packages_of(evidence.verified)
        ],
        "documents": sorted(evidence.documents),
        "live": None
        if live is None
        else {"digest": live.digest.text, "overall": _overall(live.metrics)},
        "stage": stage.name,
        "now": now,
    }


def _dataset(dataset: Dataset) -> dict[str, object]:
    return {
        "name": dataset.name,
        "digest": dataset.digest,
        "rows": dataset.rows,
        "size": dataset.size,
        "source": dataset.source,
        "licence": dataset.licence,
        "columns": [column.name for column in dataset.columns],
        "path": dataset.path,
        "files": dataset.files,
        "first": parse_time(dataset.first) if dataset.first else None,
        "last": parse_time(dataset.last) if dataset.last else None,
        "repeated": dataset.repeated,
    }


def _overall(metrics: Sequence[Metric]) -> dict[str, object]:
    return {each.name: _metric(each) for each in metrics if not each.slice}


def _metric(metric: Metric) -> dict[str, object]:
    return {
        "name": metric.name,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "rows": metric.rows,
        "slice": metric.slice,
    }
