"""The metrics that a contract gives, and the limits that name others.

A limit of a metric that is never measured closes its gate for ever. So it is found by `check`.
"""

from collections.abc import Iterator, Mapping, Sequence

from goldenpath.errors import did_you_mean
from goldenpath.parsers.fault import Fault
from goldenpath.project.spec import Contract

MOST_NAMED = 20
"""Recall and precision are given for each class if there are no more classes."""
_BY_TASK: Mapping[str, tuple[str, ...]] = {
    "probability": ("roc_auc", "brier", "log_loss", "expected_calibration_error"),
    "classes": ("accuracy", "macro_f1", "log_loss", "brier", "expected_calibration_error"),
    "value": (
        "mean_absolute_error", "root_mean_squared_error", "bias", "r_squared",
        "actual_to_expected", "mean_poisson_deviance", "expected_calibration_error",
        "within_tolerance",
    ),
}  # fmt: skip


def metric_names(contract: Contract) -> tuple[str, ...]:
    """Return every metric that an evaluation under this contract can have."""
    names = [*_BY_TASK[contract.task]]
    if contract.decision is not None:
        names.append("acceptance_rate")
        if contract.task == "probability":
            names += [f"accuracy_at_{band.below:g}" for band in contract.decision.bands[:-1]]
    if len(contract.classes) <= MOST_NAMED:
        names += [f"{kind}_{name}" for kind in ("recall", "precision") for name in contract.classes]
    names.append("robustness_noise")
    if any(feature.missing for feature in contract.features):
        names.append("robustness_missing")
    if any(feature.mutable for feature in contract.features):
        names.append("robustness_flip")
    return tuple(names)


def limit_faults(contract: Contract, limits: Sequence[str], file: str) -> Iterator[Fault]:
    """Yield the limits, by the names of their metrics, that no model of this task can meet."""
    return (fault for fault in _unmeasured(contract, limits, file) if not _cure(fault.got[1:-1]))


def limit_warnings(contract: Contract, limits: Sequence[str], file: str) -> Iterator[Fault]:
    """Yield the limits that are not measured until the contract declares more.

    The project builds and enters stages without these gates, so this is no fault of form.
    """
    return (fault for fault in _unmeasured(contract, limits, file) if _cure(fault.got[1:-1]))


def _unmeasured(contract: Contract, limits: Sequence[str], file: str) -> Iterator[Fault]:
    names = metric_names(contract)
    for position, name in enumerate(limits):
        if name not in names:
            expected = f"a metric of the task {contract.task}: {', '.join(names)}"
            hint = _cure(name) or did_you_mean(name, names) or ""
            yield Fault(file, f"metrics[{position}].metric", expected, repr(name), hint)


def _cure(name: str) -> str:
    cures = {
        "robustness_flip": "declare mutable = true for the features that a person can change",
        "robustness_missing": "declare missing = true for the features that may be absent",
        "acceptance_rate": "declare [contract.decision]",
    }
    return cures.get(name, "")
