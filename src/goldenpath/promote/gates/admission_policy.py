"""The demands on a release before it is run or promoted.

A platform has them in `platform.toml`. Without a platform they are in a policy file, which holds
only the part of `platform.toml` that concerns releases (docs/policy.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldenpath.promote.platform.demands import (
    Demands,
    check_keys,
    check_people,
    demand_lines,
    key_lines,
    person_lines,
    read_build_key,
    read_demands,
    read_person,
)
from goldenpath.promote.platform.toml_table import Table, read_table, refuse_faults
from goldenpath.release.attest.policy import Person, Policy, TrustedKey
from goldenpath.release.attest.statement import SIGNED

if TYPE_CHECKING:
    from goldenpath.promote.platform.platform import Platform


@dataclass(frozen=True, slots=True)
class AdmissionPolicy:
    """A policy, and the people whose statements are valid beside those of machines."""

    policy: Policy
    people: tuple[Person, ...] = ()


def release_policy(platform: "Platform") -> Policy:
    """Return the policy: enough signatures by build keys, and all required evidence."""
    return _policy(platform.build_keys, platform.demands)


def admission_of(platform: "Platform") -> AdmissionPolicy:
    """Return the part of a platform that concerns releases."""
    return AdmissionPolicy(release_policy(platform), platform.people)


def parse_admission(content: bytes, file: str) -> AdmissionPolicy:
    """Parse a policy file or a `platform.toml`.

    Raises `InvalidInput` that lists all faults of the file at once.
    """
    table = read_table(content, file)
    if table.has("stage") or table.has("registry"):
        # Stages need the CEL engine, which is slow to import; a policy file does not.
        from goldenpath.promote.platform.platform import parse_platform

        return admission_of(parse_platform(content, file))
    if table.count("version", 0) != 1:
        table.faults.append("version: expected 1")
    demands = read_demands(table)
    keys, names = set[str](), set[str]()
    build_keys = tuple(read_build_key(each, keys) for each in table.tables("build-key"))
    people = tuple(read_person(each, names) for each in table.tables("person"))
    table.end()
    _check_whole(table, demands, len(build_keys))
    check_keys(build_keys, demands.threshold, table.faults)
    check_people(people, table.faults, build_keys)
    refuse_faults(table, file)
    return AdmissionPolicy(_policy(build_keys, demands), people)


def render_admission(admission: AdmissionPolicy) -> bytes:
    """Return the policy file, which parses back to the same value."""
    return "\n".join(_lines(admission)).encode()


def _check_whole(table: Table, demands: Demands, keys: int) -> None:
    if keys == 0:
        table.faults.append("build-key: expected at least one [[build-key]]")
    if not demands.required:
        table.faults.append("required: expected at least one predicate type, got none")


def _policy(keys: tuple[TrustedKey, ...], demands: Demands) -> Policy:
    return Policy(
        keys=keys,
        required=(SIGNED, *(each for each in demands.required if each != SIGNED)),
        threshold=demands.threshold,
        repository=demands.repository,
        builder=demands.builder,
        job=demands.job,
    )


def _lines(admission: AdmissionPolicy) -> Iterator[str]:
    policy = admission.policy
    yield "# What a release must show before it is accepted: for goldenpath verify --policy."
    yield "version = 1"
    required = tuple(each for each in policy.required if each != SIGNED)
    yield from demand_lines(
        Demands(policy.repository, policy.builder, policy.threshold, required, policy.job)
    )
    yield from key_lines(policy.keys)
    yield from person_lines("person", admission.people)
    yield ""
