"""The gate over the data behind a release: age of the records, names of columns, number of rows."""

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

_CURE = "train on data that follow the rules of platform.toml and build again"


@dataclass(frozen=True, slots=True)
class Data:
    """The data follow the rules of the platform. Facts that are not recorded are a failure."""

    name: str = "data"

    def judge(self, evidence: Evidence, stage: Stage, now: datetime) -> Finding:
        """Check the signed record of the data, and the inputs of the model."""
        rules = evidence.platform.data
        if rules == NO_RULES:
            return Finding(self.name, "not applicable", "the platform has no rules for data")
        datasets = datasets_of(evidence.verified)
        if not datasets:
            return Finding(
                self.name, "fail", "there is no valid record of the data", "build the release again"
            )
        inputs = tuple(feature.name for feature in evidence.contract.features)
        wrong = (
            *_forbidden("the model", inputs, rules),
            *(fault for each in datasets for fault in _faults(each, rules, now)),
        )
        if wrong:
            return Finding(self.name, "fail", "; ".join(wrong), _CURE)
        return Finding(self.name, "pass", "; ".join(_margins(datasets, rules, now)))


def _faults(dataset: Dataset, rules: DataRules, now: datetime) -> Iterator[str]:
    if rules.forbidden_columns and not dataset.columns:
        yield f"the columns of {dataset.name} are not recorded"
    yield from _forbidden(dataset.name, tuple(each.name for each in dataset.columns), rules)
    if rules.max_age:
        age = _age(dataset, now)
        if age is None:
            yield (
                f"the age of the records of {dataset.name} is not known: "
                f"data.{dataset.name}.time must name the time column"
            )
        elif age > rules.max_age:
            over = (age - rules.max_age).days
            yield (
                f"the oldest record of {dataset.name} is from {dataset.first[:10]}, "
                f"{over} days older than the {rules.max_age.days} allowed"
            )
    if dataset.rows < rules.minimum_rows:
        yield f"{dataset.name} has {dataset.rows} rows, expected at least {rules.minimum_rows}"


def _forbidden(place: str, names: tuple[str, ...], rules: DataRules) -> Iterator[str]:
    for name in names:
        for pattern in rules.forbidden_columns:
            if fnmatchcase(name.lower(), pattern.lower()):
                yield f"{place} has the column {name}, which is forbidden ({pattern})"


def _margins(datasets: tuple[Dataset, ...], rules: DataRules, now: datetime) -> Iterator[str]:
    """Yield how far the data are inside each rule."""
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
