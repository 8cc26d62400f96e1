"""The policy file: what it demands, what it refuses, and `platform.toml` as a policy file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.gates.admission_policy import (
    AdmissionPolicy,
    admission_of,
    parse_admission,
    release_policy,
    render_admission,
)
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import render_platform
from goldenpath.release.attest.policy import Person, Policy, TrustedKey
from goldenpath.release.attest.statement import EVIDENCE, PROVENANCE, SCAN, SIGNED
from tests.promote.example import DER, line, platform
from tests.release.attest.releases import new_signer

PAGE = Path(__file__).parents[3] / "docs" / "policy.md"
MOMENT = datetime(2026, 1, 31, tzinfo=UTC)
FULL = AdmissionPolicy(
    Policy(
        keys=(
            TrustedKey("build-2025", DER, MOMENT, MOMENT + timedelta(days=365)),
            TrustedKey("build-2026", new_signer().public_key(), revoked_at=MOMENT),
        ),
        required=(SIGNED, PROVENANCE, SCAN, "https://example.org/penetration-test/v1"),
        threshold=2,
        repository="https://git.example/team/credit",
        builder="https://ci.example/goldenpath",
    ),
    (Person("validator", ("validator",), line("V"), MOMENT),),
)


def test_a_policy_reads_back_as_it_was_written() -> None:
    assert parse_admission(render_admission(FULL), "policy.toml") == FULL


def test_a_platform_is_a_policy_as_well() -> None:
    made = replace(platform(), demands=Demands(builder="https://ci.example/build"))

    found = parse_admission(render_platform(made), "platform.toml")

    assert found == admission_of(made)
    assert parse_admission(render_admission(found), "policy.toml") == found
    assert release_policy(made).builder == "https://ci.example/build"


def test_what_is_not_said_is_demanded_in_full() -> None:
    content = render_admission(admission_of(platform()))

    assert b"required" not in content
    assert parse_admission(content, "policy.toml").policy.required == (SIGNED, *EVIDENCE)


def test_all_faults_of_a_policy_are_told_at_once() -> None:
    content = render_admission(FULL).decode()
    for old, new in (
        ("version = 1", "version = 3"),
        ("threshold = 2", "threshold = 3"),
        ('"provenance"', '"provenence"'),
        ('name = "build-2026"', 'name = "build-2025"'),
        ("2027-01-31", "2025-01-31"),
        ("revoked-at = ", "revoked = "),
        ("ssh-ed25519 ", "ssh-ed25519? "),
    ):
        assert old in content
        content = content.replace(old, new, 1)

    with pytest.raises(InvalidInput) as caught:
        parse_admission(content.encode(), "policy.toml")

    said = caught.value.message
    assert said.startswith("policy.toml has 7 faults: ")
    for word in ("version", "threshold", "provenence", "once", "valid-until", "revoked", "ssh-key"):
        assert word in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "version: expected 1; build-key: expected at least one"),
        (b"version = 1\nrequired = []", "required: expected at least one predicate type"),
        (b"version = 1\nbuild-key = 1", "build-key: expected an array of tables"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_a_policy_that_demands_nothing_is_no_policy(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        parse_admission(content, "policy.toml")


def test_one_key_under_two_names_does_not_make_a_threshold() -> None:
    [first, _] = FULL.policy.keys
    twin = replace(FULL.policy, keys=(first, replace(first, name="twin")))

    with pytest.raises(InvalidInput, match="same public-key as build-2025"):
        parse_admission(render_admission(replace(FULL, policy=twin)), "policy.toml")


def test_the_example_of_the_documentation_is_a_policy() -> None:
    example = PAGE.read_text().partition("```toml\n")[2].partition("```")[0]

    found = parse_admission(example.encode(), "policy.toml")

    assert found.policy.threshold == 2
    assert {key.name for key in found.policy.keys} == {"build-2025", "build-2026"}
