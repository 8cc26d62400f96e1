"""The tier follows the point of Annex III: a credit score of natural persons is high."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.statement_claims import CARD, claim_faults
from goldenpath.project.spec import Tier
from tests.project.claims.facts import FACTS

OTHER = replace(FACTS, contract=replace(FACTS.contract, name="claims", output="score", features=()))


def faults_of(
    system: Mapping[str, object], text: str = "It sorts claims.", facts: ReleaseFacts = FACTS
) -> list[Fault]:
    return list(claim_faults({CARD: text}, {"compliance/system.yaml": system}, facts))


@pytest.mark.parametrize("tier", ["low", "material"])
@pytest.mark.parametrize(
    ("point", "named"),
    [
        ("5(b)", "5(b)"),
        ("5b", "5(b)"),
        ("point 5(b)", "5(b)"),
        ("Annex III, point 5(b)", "5(b)"),
        ("4(a)", "4(a)"),
        ("2", "2"),
    ],
)
def test_a_point_of_annex_iii_needs_the_tier_high(point: str, named: str, tier: Tier) -> None:
    (fault,) = faults_of({"annex_iii_point": point}, facts=replace(FACTS, tier=tier))

    assert (fault.file, fault.key) == ("goldenpath.toml", "tier")
    assert f"Annex III point {named}," in fault.expected
    assert "annex_iii_exception" in fault.hint
    assert faults_of({"annex_iii_point": point}) == []


@pytest.mark.parametrize(
    "text",
    [
        "Estimates the creditworthiness of applicants.",
        "A credit score for clients.",
        "The probability of default of a consumer loan.",
        "It sets the price of health insurance.",
    ],
)
def test_a_card_that_speaks_of_a_point_needs_it_declared(text: str) -> None:
    (fault,) = faults_of({"annex_iii_point": "none"}, text, OTHER)

    assert fault.key == "annex_iii_point"
    assert '"5(' in fault.expected


def test_the_contract_alone_speaks_of_a_credit_score() -> None:
    (fault,) = faults_of({"annex_iii_point": "none"})

    assert '"5(b)"' in fault.expected and "no natural persons" in fault.hint


@pytest.mark.parametrize(
    ("exception", "count"),
    [("no natural persons", 0), ("detection of financial fraud", 0), ("because I say so", 1)],
)
def test_a_declared_exception_is_one_of_the_law(exception: str, count: int) -> None:
    system = {"annex_iii_point": "none", "annex_iii_exception": exception}

    assert len(faults_of(system)) == count


@pytest.mark.parametrize(
    "text",
    [
        "It sorts claims.",
        "The credit score of companies with a rating.",
        "It must not be used for a credit decision.",
        "It prices motor insurance.",
    ],
)
def test_other_systems_need_no_point(text: str) -> None:
    assert faults_of({"annex_iii_point": "none"}, text, OTHER) == []


def test_a_point_that_is_none_of_annex_iii_is_named() -> None:
    for point in ("9", "5(z)", "perhaps"):
        (fault,) = faults_of({"annex_iii_point": point})
        assert fault.key == "annex_iii_point"


def test_a_card_does_not_call_a_high_risk_system_less() -> None:
    system = {"annex_iii_point": "5(b)"}

    assert faults_of(system, "This is not a high-risk system.")
    assert faults_of(system, "This is a high-risk system.") == []
