"""Data that were looked at too often close the gate, and a look that nobody can read counts."""

from dataclasses import replace

import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.gates.gate import judge_all
from goldenpath.promote.gates.test_sets.data_looks import DataLook, LookedAtData, LookLedger
from goldenpath.promote.gates.test_sets.looks_gate import SparinglyTested
from goldenpath.promote.gates.test_sets.optimism import bound_of_adaptive, bound_of_fixed
from goldenpath.promote.platform.data_rules import LookRules
from goldenpath.promote.platform.platform import FILE, parse_platform
from goldenpath.release.attest.policy import Finding
from goldenpath.release.attest.statement import METRICS
from goldenpath.release.evidence.training_statements import datasets_of, evaluation_of
from tests.promote.gates.test_gates import NOW, PROD, ROAD, evidence

OWN = evaluation_of(evidence().verified)
ROWS = OWN.rows if OWN is not None else 0


def ledger(others: int, *, perhaps: int = 0, digest: str = "") -> LookLedger:
    """So many other releases were evaluated on the same data."""
    (data, *_) = datasets_of(evidence().verified)
    looks = tuple(
        DataLook(Digest.of(str(each).encode()), f"2026-11-01T08:{each % 60:02}:00Z", ROWS)
        for each in range(others)
    )
    known = LookedAtData(digest or data.digest, (data.name,), looks, perhaps)
    return LookLedger(NOW, (known,) if looks else (), ())


def judged(looks: LookLedger | None, rules: LookRules | None = None) -> Finding:
    stage = replace(PROD, gates=("test-sets",), test_sets=rules or LookRules())
    return SparinglyTested().judge(evidence(looks=looks), stage, NOW)


def test_a_release_counts_its_own_look_although_nothing_else_names_it() -> None:
    limit = bound_of_adaptive(1, ROWS)

    assert judged(ledger(0), LookRules(limit)).status == "pass"
    assert judged(ledger(1), LookRules(limit)).status == "fail"
    assert "had 1 signed look," in judged(ledger(0)).message


@pytest.mark.parametrize(("others", "status"), [(3, "pass"), (4, "fail")])
def test_one_look_too_many_closes_it(others: int, status: str) -> None:
    assert judged(ledger(others), LookRules(bound_of_adaptive(4, ROWS))).status == status


def test_a_release_that_cannot_be_read_counts_as_a_look() -> None:
    rules = LookRules(bound_of_adaptive(4, ROWS))

    assert judged(ledger(3), rules).status == "pass"
    finding = judged(ledger(3, perhaps=1), rules)
    assert finding.status == "fail" and "perhaps 1 more" in finding.message


def test_a_stage_may_assume_that_no_model_depended_on_a_look() -> None:
    limit = bound_of_fixed(5, ROWS)

    assert judged(ledger(4), LookRules(limit, "fixed")).status == "pass"
    assert judged(ledger(4), LookRules(limit)).status == "fail"


def test_looks_at_other_data_do_not_count() -> None:
    rules = LookRules(bound_of_adaptive(1, ROWS))

    assert judged(ledger(9, digest=Digest.of(b"other").text), rules).status == "pass"


def test_what_nobody_counted_is_no_pass() -> None:
    bare = replace(evidence().verified, statements=())

    assert judged(None).status == "fail"
    without = evidence(looks=ledger(1), verified=bare)
    stage = replace(PROD, gates=("test-sets",))
    assert evidence().verified.of_type(METRICS)
    assert SparinglyTested().judge(without, stage, NOW).status == "fail"


def test_no_stage_asks_that_does_not_name_it() -> None:
    from goldenpath.promote.gates.fact_gates import GATES

    assert "test-sets" not in {each.check for each in judge_all(GATES, evidence(), PROD, NOW)}


def written(**changes: object) -> bytes:
    """A `platform.toml` whose last stage is changed so."""
    stage = replace(PROD, **changes)  # type: ignore[arg-type]
    content = platform_files(replace(ROAD, stages=(stage,)))[FILE]
    assert content is not None
    return content


def test_the_rules_of_a_stage_are_written_and_read_back() -> None:
    rules = LookRules(0.02, "fixed")

    read = parse_platform(written(gates=("test-sets",), test_sets=rules))

    assert read.stages[0].test_sets == rules


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ("max-optimism = 0", "a number above 0 and at most 1"),
        ("max-optimism = 1.5", "a number above 0 and at most 1"),
        ("max-optimism = true", "a number above 0 and at most 1"),
        ("max-optimism = nan", "a number above 0 and at most 1"),
        ('assume = "hope"', "adaptive or fixed"),
        ("most = 3", "most"),
    ],
)
def test_rules_that_limit_nothing_or_are_mistyped_are_faults(lines: str, fault: str) -> None:
    head, _, rest = written(gates=("test-sets",)).decode().partition('soak = "1h"')

    with pytest.raises(InvalidInput, match=fault):
        parse_platform(f'{head}soak = "1h"\n[stage.test-sets]\n{lines}\n{rest}'.encode())


def test_rules_without_the_gate_are_a_fault() -> None:
    with pytest.raises(InvalidInput, match="test-sets among them"):
        parse_platform(written(test_sets=LookRules(0.1)))
