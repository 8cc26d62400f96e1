"""Checks whether task, features and decision policy of a contract fit one another."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from goldenpath.errors import did_you_mean
from goldenpath.parsers.fault import Fault
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import FILE, Contract, DecisionPolicy

LARGEST_CODE = 2**24
"""Every whole number up to this one is a 32-bit float."""


def task_faults(contract: Contract) -> Iterator[Fault]:
    """Yield what the task needs and lacks, and what belongs to another task."""
    is_classes, is_value = contract.task == "classes", contract.task == "value"
    if is_classes and not contract.classes:
        yield Fault(FILE, "contract.classes", "the names of at least two classes", "none")
    if contract.classes and not is_classes:
        yield Fault(FILE, "contract.classes", 'task = "classes"', f"task {contract.task!r}")
    value = contract.value
    if is_value and value is None:
        yield Fault(FILE, "contract.value", "unit, minimum and maximum of the values", "nothing")
    if value is not None and not is_value:
        yield Fault(FILE, "contract.value", 'task = "value"', f"task {contract.task!r}")
    if value is not None and value.minimum >= value.maximum:
        expected = f"more than the minimum {number_text(value.minimum)}"
        yield Fault(FILE, "contract.value.maximum", expected, number_text(value.maximum))
    if contract.decision is not None:
        yield from _policy_faults(contract, contract.decision)


def with_text_codes(feature: Mapping[str, object]) -> Mapping[str, object]:
    """Return a declared feature whose codes are texts if one is a text or longer than a float.

    A 32-bit float holds seven digits. A longer code would become another one.
    """
    codes = feature.get("categories")
    if not isinstance(codes, list):
        return feature
    is_whole = [isinstance(code, int) and not isinstance(code, bool) for code in codes]
    is_text = any(isinstance(code, str) for code in codes)
    is_long = any(
        whole and abs(code) > LARGEST_CODE for whole, code in zip(is_whole, codes, strict=True)
    )
    if not (is_text or is_long):
        return feature
    texts = [str(code) if whole else code for whole, code in zip(is_whole, codes, strict=True)]
    return {**feature, "categories": texts}


def _policy_faults(contract: Contract, policy: DecisionPolicy) -> Iterator[Fault]:
    key = "contract.decision"
    if contract.task == "classes":
        yield from _class_faults(contract, policy)
    else:
        yield from _band_faults(contract, policy)
        if policy.classes:
            yield Fault(FILE, f"{key}.classes", 'bands, or task = "classes"', "outcomes of classes")
    for name, listed in (("favourable", policy.favourable), ("reviewed", policy.reviewed)):
        default = getattr(DecisionPolicy(), name)
        for outcome in listed if listed != default else ():
            if outcome not in policy.outcomes:
                hint = did_you_mean(outcome, policy.outcomes) or ""
                yield Fault(FILE, f"{key}.{name}", "outcomes of the policy", repr(outcome), hint)


def _class_faults(contract: Contract, policy: DecisionPolicy) -> Iterator[Fault]:
    key = "contract.decision.classes"
    if policy.bands:
        yield Fault(FILE, "contract.decision.bands", "an outcome for each class", "bands")
    names = [rule.name for rule in policy.classes]
    for position, name in enumerate(names):
        if name not in contract.classes:
            hint = did_you_mean(name, contract.classes) or ""
            yield Fault(FILE, f"{key}[{position}].name", "one of the classes", repr(name), hint)
        elif name in names[:position]:
            yield Fault(FILE, f"{key}[{position}].name", "each class once", f"{name!r} again")
    if not names:
        yield Fault(FILE, key, "the outcome of each class", "none")


def _band_faults(contract: Contract, policy: DecisionPolicy) -> Iterator[Fault]:
    key, limits = "contract.decision.bands", [band.below for band in policy.bands]
    low, high = 0.0, 1.0
    if contract.value is not None:
        low, high = contract.value.minimum, contract.value.maximum
    if not limits:
        yield Fault(FILE, key, "at least one band", "none")
        return
    for position, (before, limit) in enumerate(pairwise((low, *limits))):
        if limit <= before:
            where = "where the band before ends" if position else "the lowest answer"
            expected = f"more than {number_text(before)}, {where}"
            yield Fault(FILE, f"{key}[{position}].below", expected, number_text(limit))
    if limits[-1] <= high:
        what = "score" if contract.task == "probability" else "value"
        expected = f"more than {number_text(high)}, so that every {what} is in a band"
        yield Fault(FILE, f"{key}[{len(limits) - 1}].below", expected, number_text(limits[-1]))
