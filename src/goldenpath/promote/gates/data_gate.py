"""Gate over the data behind a release: how old they are, which columns they have, how many rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from goldenpath.promote.gates.gate import Evidence
from goldenpath.promote.platform.data_rules import NO_RULES, DataRules
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import parse_time
from goldenpath.release.evidence.training_statements import datasets_of
from goldenpath.train.training_run import Dataset

_CURE = "train on data that keep to the rules of platform.toml and build again"


@dataclass(frozen=True, slots=True)
class Data:
    """The data keep to the rules of the platform; what nobody can say of them is no pass."""

    name: str = "data"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Looks at the signed record of the data, and at the inputs of the model."""
        rules = evidence.platform.data
        if rules == NO_RULES:
            return Finding(self.name, "not applicable", "the platform has no rules for data")
        datasets = datasets_of(evidence.verified)
        if not datasets:
            return Finding(
                self.name, "fail", "no record of the data counts", "build the release again"
            )
        inputs = tuple(feature.name for feature in evidence.contract.features)
        wrong = (
            *_forbidden("the model", inputs, rules),
            *(fault for each in datasets for fault in _faults(each, rules, now)),
        )
        if wrong:
            return Finding(self.name, "fail", "; ".join(wrong), _CURE)
        return Finding(self.name, "pass", "; ".join(_said(datasets, rules, now)))


def _faults(dataset: Dataset, rules: DataRules, now: datetime) -> Iterator[str]:
    if rules.forbidden_columns and not dataset.columns:
        yield f"nobody can say which columns {dataset.name} has"
    yield from _forbidden(dataset.name, tuple(each.name for each in dataset.columns), rules)
    if rules.max_age:
        age = _age(dataset, now)
        if age is None:
            yield (
                f"nobody can say how old the records of {dataset.name} are: "
                f"data.{dataset.name}.time has to name the column that tells"
            )
        elif age > rules.max_age:
            over = (age - rules.max_age).days
            yield (
                f"the oldest record of {dataset.name} is of {dataset.first[:10]}, "
                f"{over} days older than the {rules.max_age.days} allowed"
            )
    if dataset.rows < rules.minimum_rows:
        yield f"{dataset.name} has {dataset.rows} rows, expected at least {rules.minimum_rows}"


def _forbidden(place: str, names: tuple[str, ...], rules: DataRules) -> Iterator[str]:
    for name in names:
        for pattern in rules.forbidden_columns:
            if fnmatchcase(name.lower(), pattern.lower()):
                yield f"{place} has the column {name}, which is forbidden ({pattern})"


def _said(datasets: tuple[Dataset, ...], rules: DataRules, now: datetime) -> Iterator[str]:
    if rules.max_age:
        ages = [age for each in datasets if (age := _age(each, now)) is not None]
        yield f"the oldest record is {max(ages).days} days old, {rules.max_age.days} are allowed"
    if rules.forbidden_columns:
        count = sum(len(each.columns) for each in datasets)
        yield f"none of {count} columns is among {len(rules.forbidden_columns)} forbidden names"
    if rules.minimum_rows:
        fewest = min(each.rows for each in datasets)
        yield f"at least {fewest} rows, {fewest - rules.minimum_rows} more than needed"


def _age(dataset: Dataset, now: datetime) -> timedelta | None:
    first = parse_time(dataset.first) if dataset.first else None
    return None if first is None else now - first
