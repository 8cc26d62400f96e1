"""Gates are pure functions of evidence, so these tests sign and store nothing."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Feature
from goldenpath.promote.gates.approval import approval
from goldenpath.promote.gates.authorship import is_same_person
from goldenpath.promote.gates.fact_gates import GATES, _narrowings
from goldenpath.promote.gates.gate import Evidence, Live, judge_all
from goldenpath.promote.platform.build_rules import BuildRules
from goldenpath.promote.platform.data_rules import DataRules
from goldenpath.promote.platform.demands import StatementRules
from goldenpath.promote.platform.platform import EVERY_GATE, Platform, Stage, TrainingDemand
from goldenpath.promote.platform.platform import GATES as NAMES
from goldenpath.release.attest.policy import Finding, Person, SignedStatement, Verified
from goldenpath.release.attest.statement import APPROVAL, DATASET, WAIVER, Statement
from goldenpath.release.evidence.scan import scan, scan_statement
from goldenpath.release.evidence.training_statements import statements
from goldenpath.train.evaluation.evaluation_rows import Rows, parse_rows, render_rows
from goldenpath.train.training_run import GivenMaterial, Metric, Package, TrainingRun
from tests.promote.example import platform
from tests.promote.road import CONTRACT, METRICS, PEOPLE, documents, good_run

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIGEST = Digest.of(b"release")
PROD = Stage("prod", NAMES, approvals=1, approver_roles=("validator",), soak=timedelta(hours=1))
ROAD = replace(platform(), stages=(Stage("test", ("evidence",)), PROD))
LISTED = tuple(Person(name, roles, "") for name, roles in PEOPLE.items())
TEXTS = {
    ("compliance/card.md" if path == "card.md" else path): content
    for path, content in documents().items()
}


def signed(statement: Statement, signer: str = "release") -> SignedStatement:
    envelope = Digest.of(statement.render() + signer.encode())
    return SignedStatement(
        statement, signer, envelope, "machine" if signer == "release" else "person"
    )


def verified(run: TrainingRun, *more: SignedStatement) -> Verified:
    scanned = scan_statement(scan({}, run.environment.packages), (DIGEST,))
    said = (*statements(run, (DIGEST,), builder="x"), scanned)
    made = tuple(signed(each) for each in said)
    return Verified(DIGEST, (*made, *more), ())


def evidence(run: TrainingRun | None = None, **changes: object) -> Evidence:
    base = Evidence(
        digest=DIGEST,
        model="credit-default",
        verified=verified(run or good_run()),
        contract=CONTRACT,
        documents=TEXTS,
        live=None,
        before_since=NOW - timedelta(hours=2),
        actor="platform-engineer",
        platform=ROAD,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def judged(name: str, given: Evidence, stage: Stage = PROD, now: datetime = NOW) -> Finding:
    asked = replace(stage, gates=(name,))
    stages = (*given.platform.stages[:-1], asked)
    seen = replace(given, platform=replace(given.platform, stages=stages))
    (finding,) = (each for each in judge_all(GATES, seen, asked, now) if each.check == name)
    return finding


def with_metric(changed: Metric) -> TrainingRun:
    metrics = [m for m in METRICS if (m.name, m.slice) != (changed.name, changed.slice)]
    return replace(good_run(), metrics=(*metrics, changed))


def test_every_gate_that_platform_toml_may_name_is_there_in_that_order() -> None:
    assert tuple(gate.name for gate in GATES) == EVERY_GATE


def test_an_unknown_gate_is_an_error_and_no_pass() -> None:
    with pytest.raises(InvalidInput, match="unknown gate"):
        judged("vibes", evidence())


def test_the_last_stage_without_gates_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="no gates"):
        judge_all(
            GATES,
            evidence(platform=replace(ROAD, stages=(replace(PROD, gates=()),))),
            replace(PROD, gates=()),
            NOW,
        )


@pytest.mark.parametrize("name", [name for name in NAMES if name != "approvals"])
def test_a_good_release_fails_nowhere(name: str) -> None:
    finding = judged(name, evidence())

    assert finding.status in ("pass", "not applicable"), finding


GIVEN = replace(good_run(), given=(GivenMaterial("model", "model/m.onnx", DIGEST.text),))


def test_a_model_that_was_trained_elsewhere_stays_out_where_the_build_has_to_train() -> None:
    finding = judged("training", evidence(GIVEN))

    assert finding.status == "fail"
    assert "trained elsewhere" in finding.message
    assert judged("training", evidence()).status == "pass"


@pytest.mark.parametrize(
    ("setting", "is_last", "status"),
    [
        (None, True, "fail"),
        (None, False, "pass"),
        ("any", True, "pass"),
        ("observed", False, "fail"),
    ],
)
def test_a_stage_says_whether_the_build_has_to_train(
    setting: TrainingDemand | None, is_last: bool, status: str
) -> None:
    stage = replace(PROD, gates=("training",), training=setting)
    after = () if is_last else (replace(PROD, name="later"),)
    seen = evidence(GIVEN, platform=replace(ROAD, stages=(stage, *after)))

    (finding,) = judge_all(GATES, seen, stage, NOW)

    assert finding.status == status


def test_a_last_stage_of_0_1_refuses_such_a_model_without_naming_the_gate() -> None:
    stage = replace(PROD, gates=("evidence",))
    road = replace(ROAD, stages=(stage,))

    closed = judge_all(GATES, evidence(GIVEN, platform=road), stage, NOW)
    opened = judge_all(GATES, evidence(platform=road), stage, NOW)

    assert [(each.check, each.status) for each in closed] == [
        ("evidence", "pass"), ("training", "fail"),
    ]  # fmt: skip
    assert [each.check for each in opened] == ["evidence"]


def test_a_given_model_claims_no_comparison_with_a_training() -> None:
    checks = tuple(
        replace(check, detail="the given model is packed as it is")
        if check.name == "equality of the export" else check
        for check in GIVEN.checks
    )  # fmt: skip

    message = judged("checks", evidence(replace(GIVEN, checks=checks))).message

    assert "the given model is packed as it is" in message
    assert "skew" not in message


@pytest.mark.parametrize(
    ("metric", "gate", "said"),
    [
        # The point estimate passes each time; the end of the interval does not.
        (Metric("roc_auc", 0.86, 0.84, 0.88, 500), "thresholds", "misses 0.85 by 0.0100"),
        (Metric("brier", 0.055, 0.05, 0.065, 500), "thresholds", "misses 0.06 by 0.0050"),
        (Metric("roc_auc", 0.99, None, None, 5), "thresholds", "too few rows"),
        (Metric("roc_auc", float("nan"), float("nan"), float("nan"), 9), "thresholds", "cannot be"),
        (
            Metric("expected_calibration_error", 0.02, 0.01, 0.031, 500),
            "calibration",
            "misses 0.03 by 0.0010",
        ),
        (Metric("acceptance_rate", 0.7, 0.65, 0.75, 900, "sex=2"), "fairness", "too low"),
    ],
)
def test_the_end_of_the_interval_that_is_against_us_counts(
    metric: Metric, gate: str, said: str
) -> None:
    finding = judged(gate, evidence(with_metric(metric)))

    assert finding.status == "fail"
    assert said in finding.message
    assert finding.cure


def test_a_limit_that_was_not_measured_is_not_met_and_a_better_model_is_no_cure() -> None:
    run = replace(good_run(), metrics=METRICS[1:])

    finding = judged("thresholds", evidence(run))

    assert (finding.status, finding.message) == ("fail", "roc_auc was not measured")
    assert "name a metric that is measured (" in finding.cure
    assert "improve the model" not in finding.cure


@pytest.mark.parametrize(
    ("metric", "gate", "cure"),
    [
        (Metric("roc_auc", 0.86, 0.84, 0.88, 500), "thresholds", "improve the model"),
        (Metric("roc_auc", 0.99, None, None, 5), "thresholds", "evaluate on more rows"),
        (Metric("robustness_flip", 0.5, 0.4, 0.6, 500), "robustness", "improve the model"),
    ],
)
def test_the_cure_of_a_limit_is_that_of_its_fault(metric: Metric, gate: str, cure: str) -> None:
    finding = judged(gate, evidence(with_metric(metric)))

    assert finding.status == "fail"
    assert cure in finding.cure


def test_a_limit_of_flips_without_a_mutable_feature_names_the_declaration() -> None:
    metrics = tuple(each for each in METRICS if each.name != "robustness_flip")

    finding = judged("robustness", evidence(replace(good_run(), metrics=metrics)))

    assert "robustness_flip was not measured" in finding.message
    assert finding.cure.startswith("declare with mutable = true")


def test_small_groups_are_named_and_never_called_fair() -> None:
    assert "too few rows to judge: age_band=90" in judged("fairness", evidence()).message


def test_only_protected_columns_are_compared_where_the_release_names_them() -> None:
    run = with_metric(Metric("acceptance_rate", 0.3, 0.2, 0.4, 900, "education=3"))
    other = replace(run, metrics=(*run.metrics, replace(METRICS[4], slice="education=1")))
    declared = {**TEXTS, "goldenpath.toml": b'[evaluation]\nprotected = ["sex"]\n'}

    assert judged("fairness", evidence(other)).status == "fail"
    assert judged("fairness", evidence(other, documents=declared)).status == "pass"


@pytest.mark.parametrize(
    "changed",
    [
        {"thresholds_committed_at": "2026-11-22T11:00:01Z"},
        {"thresholds_committed_at": "2026-11-22T11:00:00Z"},
        {"thresholds_committed_at": ""},
        {"thresholds_digest": Digest.of(b"others").text},
    ],
)
def test_limits_have_to_be_older_than_the_run_and_the_same(changed: Mapping[str, str]) -> None:
    run = replace(good_run(), **changed)  # type: ignore[arg-type]

    assert judged("threshold-order", evidence(run)).status == "fail"


@pytest.mark.parametrize("gone", ["thresholds", "system"])
def test_a_missing_statement_is_named(gone: str) -> None:
    texts = {path: text for path, text in TEXTS.items() if gone not in path}

    finding = judged("statements", evidence(documents=texts))

    assert finding.status == "fail"
    assert gone in finding.message


def test_a_statement_past_its_review_is_named() -> None:
    finding = judged("statements", evidence(), now=NOW + timedelta(days=60))

    assert finding.status == "fail"
    assert "review_by" in finding.message


def test_the_tier_that_is_declared_decides_what_has_to_be_written() -> None:
    declared = {**TEXTS, "goldenpath.toml": b'tier = "material"\n'}

    finding = judged("statements", evidence(documents=declared))

    assert finding.status == "fail"
    assert "Design rationale" in finding.message


COMPARED = replace(ROAD, people=LISTED, statements=StatementRules(compared=True))


def compared(changes: Mapping[str, tuple[str, str]], platform: Platform = COMPARED) -> Finding:
    """What the gate finds if a text, named by a part of its path, has other words."""
    texts = dict(TEXTS)
    for part, (old, new) in changes.items():
        (path,) = (each for each in texts if part in each)
        assert old.encode() in texts[path]
        texts[path] = texts[path].replace(old.encode(), new.encode())
    return judged("statements", evidence(documents=texts, platform=platform))


NAMED = sorted(
    {
        line.partition(b":")[2].strip().decode()
        for content in TEXTS.values()
        for line in content.splitlines()
        if line.startswith(b"approved_by:")
    }
)


def by_person(name: str, decision: str = "approve", kind: str = APPROVAL) -> SignedStatement:
    return signed(Statement((DIGEST,), kind, {"decision": decision}, NOW), name)


@pytest.mark.parametrize(
    "more",
    [
        (),
        (by_person("somebody-else"),),
        (by_person(NAMED[0], "refuse"),),
        (by_person(NAMED[0], kind=WAIVER),),
        (replace(by_person(NAMED[0]), kind="machine"),),
    ],
    ids=["nobody", "somebody else", "a refusal", "a waiver", "a machine of that name"],
)
def test_a_name_in_a_text_is_not_called_an_approval(more: tuple[SignedStatement, ...]) -> None:
    finding = judged("statements", evidence(verified=verified(good_run(), *more)))

    assert finding.status == "pass"
    assert (
        f"that {', '.join(NAMED)} approved them is written there and not signed" in finding.message
    )


def test_who_signed_an_approval_of_the_release_signed_its_texts() -> None:
    people = tuple(by_person(name) for name in NAMED)

    finding = judged("statements", evidence(verified=verified(good_run(), *people)))

    assert f"{', '.join(NAMED)} signed an approval of this release" in finding.message
    assert "not signed" not in finding.message


def test_statements_that_agree_with_what_is_signed_pass() -> None:
    finding = compared({})

    assert finding.status == "pass", finding.message
    assert "agree with what is signed" in finding.message


@pytest.mark.parametrize(
    ("part", "old", "new", "named"),
    [
        ("card", "approved_by: validator", "approved_by: model-validator", "platform.toml lists"),
        (
            "card",
            "approved_by: validator",
            "approved_by:",
            "card.md approved_by: expected the name or role",
        ),
        ("thresholds", "approved_by: validator", "approved_by: somebody", "thresholds.yaml appr"),
        ("thresholds", "2026-01-01", "2026-11-24", "thresholds.yaml approved_on"),
        ("card", "nothing else.", "nothing else. AUC 0.99.", "roc_auc 0.88"),
        ("card", "nothing else.", "nothing else, by Python 3.6.", "Python 3.11.7"),
        ("card", "nothing else.", "nothing else. It is certified.", "'certified'"),
        ("card", "nothing else.", "nothing else. The inputs are age and income.", "income"),
        ("card", "nothing else.", "nothing else, by numpy 1.2.", "numpy 2.3.5"),
        ("card", "Sorts the files of companies by", "To be written:", "placeholder"),
        ("system", "annex_iii_exception: no natural persons", "a: b", '"5(b)" and the tier high'),
        ("system", "none\nannex_iii_exception", '"5(b)"\nannex_iii_exception', "point 5(b)"),
        ("system", "First Bank of the Example", '"not filled: demonstration"', "provider.name"),
        (
            "roles",
            "roles:\n  owner: data-scientist\n  validator: validator",
            "a:",
            "roles.yaml a: expected",
        ),
    ],
)
def test_words_against_what_is_signed_close_the_gate(
    part: str, old: str, new: str, named: str
) -> None:
    finding = compared({part: (old, new)})

    assert finding.status == "fail"
    assert named in finding.message
    assert finding.cure


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b"---\napproved_by: stranger\n---\n# Security\n", "platform.toml lists"),
        (b"---\nowner: x\n---\nThe model is certified.\n", "'certified'"),
        (b"---\napproved_on: 2026-11-24\n---\n# Security\n", "a date up to 2026-11-23"),
    ],
)
def test_a_statement_that_no_tier_asked_for_is_compared_too(text: bytes, named: str) -> None:
    texts = {**TEXTS, "compliance/security.md": text}

    finding = judged("statements", evidence(documents=texts, platform=COMPARED))

    assert finding.status == "fail"
    assert "compliance/security.md" in finding.message and named in finding.message


def test_a_platform_of_0_1_goes_on_as_it_did() -> None:
    old = replace(COMPARED, statements=StatementRules())

    finding = compared({"card": ("approved_by: validator", "approved_by: model-validator")}, old)

    assert finding.status == "pass"


def test_a_demonstration_leaves_open_what_only_a_company_has() -> None:
    shown = replace(COMPARED, statements=StatementRules(compared=True, demonstration=True))
    open_words = {"system": ("First Bank of the Example", '"not filled: demonstration"')}

    assert compared(open_words, shown).status == "pass"
    assert compared(open_words).status == "fail"
    elsewhere = {"card": ("Sorts the files of companies by", "not filled: demonstration")}
    assert compared(elsewhere, shown).status == "fail"


def test_a_data_set_without_a_datasheet_is_named_in_the_higher_tiers() -> None:
    declared = {**TEXTS, "goldenpath.toml": b'tier = "material"\n'}

    finding = judged("statements", evidence(documents=declared, platform=COMPARED))

    assert "compliance/datasets/panel.md : expected the statement H11" in finding.message


def test_limits_that_nobody_can_read_are_not_met() -> None:
    finding = judged(
        "thresholds", evidence(documents={**TEXTS, "compliance/thresholds.yaml": b"- x\n"})
    )

    assert finding.status == "fail"


def test_a_dirty_tree_is_refused() -> None:
    run = good_run()
    dirty = replace(run, source=replace(run.source, dirty=True))

    assert judged("clean-source", evidence(dirty)).status == "fail"


@pytest.mark.parametrize(
    ("measures", "network", "status"),
    [
        (("pid namespace", "landlock", "seccomp"), False, "pass"),
        (("pid namespace",), False, "fail"),
        ((), False, "fail"),
        (("pid namespace", "landlock"), True, "fail"),
    ],
)
def test_a_platform_demands_how_a_build_was_confined(
    measures: tuple[str, ...], network: bool, status: str
) -> None:
    rules = BuildRules(("pid namespace", "landlock"), network=False)
    run = replace(good_run(), confinement=measures, network=network)

    finding = judged("clean-source", evidence(run, platform=replace(ROAD, build=rules)))

    assert finding.status == status
    assert judged("clean-source", evidence(run)).status == "pass", "without rules"


def test_a_check_that_was_not_tried_is_missing() -> None:
    run = replace(good_run(), checks=good_run().checks[1:])

    assert "no result of lint" in judged("checks", evidence(run)).message


def test_skew_above_the_limit_is_refused() -> None:
    assert judged("checks", evidence(replace(good_run(), largest_skew=1e-3))).status == "fail"


def live(metrics: tuple[Metric, ...] = METRICS, **changes: object) -> Live:
    contract = replace(CONTRACT, **changes)  # type: ignore[arg-type]
    return Live(Digest.of(b"live"), contract, metrics)


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ((*CONTRACT.features, Feature("income", "number")), "without income"),
        (CONTRACT.features[:1], "with sex"),
        (CONTRACT.features[::-1], "another order"),
        ((CONTRACT.features[0], Feature("sex", "number")), "was a number"),
        (
            (replace(CONTRACT.features[0], missing=True), CONTRACT.features[1]),
            "no longer be missing",
        ),
        (
            (CONTRACT.features[0], Feature("sex", "category", categories=(1.0, 2.0, 3.0))),
            "fewer categories",
        ),
        (
            (CONTRACT.features[0], replace(CONTRACT.features[1], labels=("one", "two"))),
            "no longer accepts some labels",
        ),
        ((replace(CONTRACT.features[0], part="text"), CONTRACT.features[1]), "another part"),
    ],
)
def test_callers_of_the_live_release_are_not_broken(
    features: tuple[Feature, ...], said: str
) -> None:
    finding = judged("schema", evidence(live=live(features=features)))

    assert finding.status == "fail"
    assert said in finding.message


def test_callers_with_longer_texts_are_told_once() -> None:
    parts = [Feature(f"note_{at}", "number", part_of="note", part="text", bytes=6) for at in (0, 1)]
    shorter = [replace(part, bytes=5) for part in parts]

    found = [each for pair in zip(parts, shorter, strict=True) for each in _narrowings(*pair)]

    assert found == ["note accepts 5 bytes, and 6 before"]


def test_a_challenger_as_good_as_the_champion_passes() -> None:
    assert judged("champion", evidence(live=live())).status == "pass"


def test_a_challenger_that_is_worse_is_refused() -> None:
    better = (Metric("roc_auc", 0.93, 0.92, 0.94, 6000), *METRICS[1:])

    finding = judged("champion", evidence(live=live(better)))

    assert finding.status == "fail"
    assert "unpaired" in finding.message


def test_without_intervals_nothing_is_compared() -> None:
    unsure = (Metric("roc_auc", 0.8, None, None, 9), *METRICS[1:])

    theirs = judged("champion", evidence(live=live(unsure)))
    ours = judged("champion", evidence(replace(good_run(), metrics=unsure), live=live()))

    assert (theirs.status, ours.status) == ("fail", "fail")
    assert "the live release" in theirs.message and "waive" in theirs.cure
    assert "too few rows" in ours.message and "more rows" in ours.cure


def test_the_stage_before_and_its_soak() -> None:
    assert judged("stage-before", evidence(before_since=None)).status == "fail"
    early = judged("stage-before", evidence(before_since=NOW - timedelta(minutes=59)))
    assert (early.status, "60 seconds short" in early.message) == ("fail", True)
    assert judged("stage-before", evidence(before_since=NOW - timedelta(hours=1))).status == "pass"


def with_approvals(*signers: str, platform: Platform = ROAD) -> Evidence:
    given = evidence(platform=platform)
    word = approval(DIGEST, PROD, "validator", given.verified, now=NOW, model=given.model)
    return replace(given, verified=verified(good_run(), *(signed(word, who) for who in signers)))


def test_an_approval_by_the_right_role_counts() -> None:
    assert judged("approvals", with_approvals("validator")).status == "pass"


@pytest.mark.parametrize("who", ["risk-manager", "stranger", "release"])
def test_an_approval_by_anybody_else_does_not(who: str) -> None:
    assert judged("approvals", with_approvals(who)).status == "fail"


def test_two_signatures_of_one_person_are_one_approval() -> None:
    two = replace(PROD, approvals=2)

    assert judged("approvals", with_approvals("validator", "validator"), two).status == "fail"


def test_the_author_does_not_count_under_any_spelling() -> None:
    author = replace(platform().people[0], name="data-scientist")
    given = with_approvals("data-scientist", platform=replace(ROAD, people=(author,)))

    finding = judged("approvals", given)

    assert finding.status == "fail"
    assert "author of the change" in finding.message


@pytest.mark.parametrize(
    ("author", "same"),
    [
        ("data-scientist", True),
        ("Data Scientist <x@bank.example>", True),
        ("DS <data-scientist@bank.example>", True),
        ("Validator <validator@bank.example>", False),
        ("", False),
    ],
)
def test_a_person_is_known_by_name_or_address(author: str, same: bool) -> None:
    assert is_same_person("data-scientist", author) is same


def test_an_approval_has_to_end() -> None:
    with pytest.raises(InvalidInput, match="at most a year"):
        approval(
            DIGEST,
            PROD,
            "x",
            verified(good_run()),
            now=NOW,
            model="m",
            lifetime=timedelta(days=400),
        )


def test_an_approval_of_the_release_as_another_model_does_not_count() -> None:
    given = with_approvals("validator")

    finding = judged("approvals", replace(given, model="other"))

    assert finding.status == "fail"
    assert f"approved it as the model {given.model}" in finding.message


def test_a_person_of_two_roles_needs_only_one() -> None:
    both = Person("validator", ("platform-engineer", "validator"), platform().people[0].ssh_key)

    given = with_approvals("validator", platform=replace(ROAD, people=(both,)))
    assert judged("approvals", given).status == "pass"


def rows(seed: int, worse: float = 0.0, first: int = 0) -> Rows:
    """Scored rows of the same clients, or of others from `first` on."""
    draw = np.random.default_rng(0)
    chance = draw.beta(1, 4, 3000)
    target = (draw.random(3000) < chance).astype(np.float64)
    noise = np.random.default_rng(seed).normal(0, 0.01 + worse, 3000)
    keys = [f"client {first + number}" for number in range(3000)]
    return parse_rows(render_rows(keys, target, np.clip(chance + noise, 0, 1), {}))


def test_a_challenger_is_compared_on_the_rows_of_the_champion() -> None:
    champion = replace(live(), rows=rows(1))

    same = judged("champion", evidence(live=champion, rows=rows(2)))
    worse = judged("champion", evidence(live=champion, rows=rows(2, worse=0.4)))

    assert (same.status, "paired on 3000 rows" in same.message) == ("pass", True)
    assert (worse.status, "paired on 3000 rows" in worse.message) == ("fail", True)


def test_rows_that_only_some_share_are_paired_if_they_are_most() -> None:
    champion = replace(live(), rows=rows(1))

    most = judged("champion", evidence(live=champion, rows=rows(2, first=0)))
    few = judged("champion", evidence(live=champion, rows=rows(2, first=2900)))

    assert "paired on 3000" in most.message
    assert "(unpaired)" in few.message


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (Metric("robustness_noise", 0.07, 0.06, 0.081, 2000), "misses 0.08 by 0.0010"),
        (Metric("robustness_flip", 0.09, 0.08, 0.11, 2000), "misses 0.1 by 0.0100"),
    ],
)
def test_a_decision_that_turns_on_a_nudge_is_refused(metric: Metric, said: str) -> None:
    finding = judged("robustness", evidence(with_metric(metric)))

    assert finding.status == "fail"
    assert said in finding.message
    assert finding.cure


def with_rules(rules: DataRules, **dataset: object) -> Evidence:
    run = good_run()
    (known,) = run.datasets
    changed = replace(run, datasets=(replace(known, **dataset),))  # type: ignore[arg-type]
    return evidence(changed, platform=replace(ROAD, data=rules))


def test_data_that_keep_to_the_rules_pass_with_their_margin() -> None:
    rules = DataRules(timedelta(days=700), ("religion", "*social*"), 10_000)

    finding = judged("data", with_rules(rules))

    assert finding.status == "pass"
    assert finding.message == (
        "the oldest record is 691 days old, 700 are allowed; "
        "none of 2 columns is among 2 forbidden names; "
        "at least 30000 rows, 20000 more than needed"
    )


@pytest.mark.parametrize(
    ("rules", "dataset", "said"),
    [
        (DataRules(timedelta(days=600)), {}, "is from 2025-01-01, 91 days older than the 600"),
        (DataRules(timedelta(days=600)), {"first": ""}, "the age of the records of"),
        (DataRules(forbidden_columns=("S?X",)), {}, "panel has the column sex, which is forbidden"),
        (DataRules(forbidden_columns=("age",)), {"columns": ()}, "the model has the column age"),
        (DataRules(forbidden_columns=("x",)), {"columns": ()}, "are not recorded"),
        (DataRules(minimum_rows=30_001), {}, "has 30000 rows, expected at least 30001"),
    ],
)
def test_data_that_do_not_are_refused(
    rules: DataRules, dataset: dict[str, object], said: str
) -> None:
    finding = judged("data", with_rules(rules, **dataset))

    assert finding.status == "fail"
    assert said in finding.message
    assert finding.cure


def test_a_release_without_a_record_of_its_data_is_refused_where_there_are_rules() -> None:
    given = with_rules(DataRules(minimum_rows=1))
    without = tuple(s for s in given.verified.statements if s.statement.predicate_type != DATASET)

    found = judged("data", replace(given, verified=replace(given.verified, statements=without)))

    assert (found.status, found.message) == ("fail", "there is no valid record of the data")


def scanned(files: Mapping[str, bytes], packages: tuple[Package, ...] = ()) -> Evidence:
    statement = scan_statement(scan(files, packages), (DIGEST,))
    made = tuple(signed(each) for each in statements(good_run(), (DIGEST,), builder="x"))
    return evidence(verified=Verified(DIGEST, (*made, signed(statement)), ()))


def test_a_release_that_nobody_scanned_is_refused() -> None:
    made = tuple(signed(each) for each in statements(good_run(), (DIGEST,), builder="x"))

    finding = judged("scan", evidence(verified=Verified(DIGEST, made, ())))

    assert finding.status == "fail"
    assert "no valid scan" in finding.message


def test_a_pickle_a_secret_and_a_refused_licence_are_refused() -> None:
    bad = {"m": b"\x80\x04K\x01K\x02\x86\x94.", "card.md": b"AKIA" + b"QWERTYUIOPASDFGH"}
    packages = (Package("left", "1", (), "GPL-3.0-only"),)
    strict = replace(ROAD, refused_licences=("GPL-3.0-only",))

    finding = judged("scan", replace(scanned(bad, packages), platform=strict))

    assert finding.status == "fail"
    for word in ("m holds a pickle", "card.md holds a secret", "left is under GPL-3.0-only"):
        assert word in finding.message


def test_a_scan_without_advisories_says_not_scanned() -> None:
    assert "vulnerabilities: not scanned" in judged("scan", scanned({})).message
