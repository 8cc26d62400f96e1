"""Claims of a card are held against what is signed: false ones are named, true ones pass."""

from dataclasses import replace

import pytest

from goldenpath.project.claims.statement_claims import CARD, DECLARATION, claim_faults
from tests.project.claims.facts import FACTS, faults_of


@pytest.mark.parametrize(
    "claim",
    [
        "AUC 0.99",
        "The AUC is 0.99.",
        "an AUC of 99 %",
        "We reached an AUC of 99 percent.",
        "ROC-AUC: 0.99",
        "AUC = .99",
        "AUC=0.99",
        "AUC 0,99",
        "AUC of 99",
        "**AUC**: **0.99**",
        "\uff21\uff35\uff23 0.99",
        "The area under the curve (AUC) is 0.99",
        "It has a Gini of 0.95.",
        "accuracy of 99%",
        "0.99 AUC on the test data",
        "AUC at least 0.95 on held-out rows",
        "AUC of 0.99, better than the previous model.",
        "An AUC between 0.95 and 0.97.",
        "With an AUC greater than 0.95 it ranks well.",
        "The AUC on the test set was as high as 0.99.",
        "AUROC=97%",
        "AUC (test): 0.991",
        "Brier score of 0.01",
        "The KS statistic is 0.6.",
        "The limit of the AUC is 0.8.",
        "| Metric | Value |\n| --- | --- |\n| AUC | 0.99 |",
        "| Release | AUC |\n| --- | --- |\n| this one | 0.99 |",
    ],
)
def test_a_number_that_was_not_measured_is_named(claim: str) -> None:
    assert faults_of(claim), claim


@pytest.mark.parametrize(
    "claim",
    [
        "The AUC is 0.88 (95 % interval 0.87 to 0.895).",
        "AUC 88 % on 6,000 rows.",
        "roc_auc 0.883; brier 0.05.",
        "The limit of the AUC is 0.85.",
        "The AUC must be at least 0.85.",
        "AUC above 0.85 in every month",
        "If the AUC falls below 0.80 an alarm is raised.",
        "The previous model had an AUC of 0.81.",
        "Among women the AUC is 0.86.",
        "Gini of 0.77.",
        "An AUC between 0.85 and 0.9.",
        "The accuracy at a cut-off of 0.1 is 91 %.",
        "The AUC was measured in 2025 on 6,000 rows.",
        "Accuracy of the labels was 99 % in a review by two officers.",
        "Precision of amounts is 0.01 dollars.",
        "The score is between 0 and 1; above 0.3 the case is declined.",
        "The default rate rose from 10 to 22 percent.",
        "```\nAUC 0.99\n```",
        "| Metric | Value | Interval |\n| --- | --- | --- |\n| AUC | 0.883 | 0.870 to 0.895 |",
    ],
)
def test_a_number_that_agrees_or_is_about_something_else_passes(claim: str) -> None:
    assert faults_of(claim) == []


@pytest.mark.parametrize(
    "claim",
    [
        "It was built with Python 3.6.",
        "python3.6",
        "Python (3.6)",
        "Python version 3.9, not Python 2",
        "CPython 3.12.1",
        "scikit-learn 0.18",
        "sklearn==0.24.1",
        "Scikit Learn version 1.6",
        "numpy 1.2",
        "requests==3.1",
        "The model is an XGBoost ensemble.",
        "It uses TensorFlow 2.1.",
    ],
)
def test_another_version_or_library_is_named(claim: str) -> None:
    assert faults_of(claim), claim


@pytest.mark.parametrize(
    "claim",
    [
        "It was built with Python 3.11.",
        "Python 3.11.7 runs it.",
        "Python 3.8 or later reads it.",
        "scikit-learn 1.7 fits a logistic regression, exported by onnx 1.19.",
        "numpy 2.3.5",
        "XGBoost was tried and rejected.",
        "We compared it with LightGBM 4.1.",
        "Officers answer requests in 3.5 hours.",
    ],
)
def test_a_true_version_and_a_library_that_is_not_used_pass(claim: str) -> None:
    assert faults_of(claim) == []


@pytest.mark.parametrize(
    "claim",
    [
        "The features are age, income and postcode.",
        "Features: limit, age, salary, education.",
        "Sex and age are inputs.",
        "It takes income, age and postcode as inputs.",
        "It uses the features income and gender.",
        "The feature `income` matters most.",
        "The model uses 23 features.",
        "It reads twelve inputs.",
        "The model does not use age.",
        "Age is not an input.",
        "It decides without using education.",
        "It was trained on 1,000,000 clients.",
        "Figures are reported per sex and nationality.",
        "Fairness was tested by religion.",
    ],
)
def test_features_rows_and_groups_that_do_not_exist_are_named(claim: str) -> None:
    assert faults_of(claim), claim


@pytest.mark.parametrize(
    "claim",
    [
        "The features are limit, age, education, repayment status, the bill and what was paid.",
        "Age and education are inputs. Sex and marital status are not, but may be guessed.",
        "The inputs are checked against the contract.",
        "Sex is not an input.",
        "The model does not use nationality or religion.",
        "It was trained on 24,000 clients of one bank.",
        "It was evaluated on about 6,100 rows.",
        "The previous release was trained on 1,000,000 clients.",
        "It takes the values of the last month as inputs.",
        "It uses 6 features.",
        "Two features are mutable by the client.",
        "The 5 most important features are in the report.",
        "Figures are reported per sex and age band.",
        "The `status` feature has codes from -2 to 8.",
    ],
)
def test_features_rows_and_groups_that_exist_pass(claim: str) -> None:
    assert faults_of(claim) == []


@pytest.mark.parametrize(
    "claim",
    [
        "This model is certified.",
        "It is AI-Act-compliant.",
        "It is fully GDPR compliant.",
        "It was approved by the regulator.",
        "FINMA has approved it.",
        "The model complies with the GDPR.",
        "It meets all legal requirements.",
        "Das Modell ist zertifiziert.",
        "It is free of bias.",
    ],
)
def test_an_assurance_is_named_in_every_statement_but_the_declaration(claim: str) -> None:
    text = f"# Text\n\n{claim}\n"

    assert faults_of(claim), claim
    assert list(claim_faults({"compliance/fria.md": text}, {}, None))
    assert list(claim_faults({}, {"compliance/qms.yaml": {"a": [{"b": claim}]}}, None))
    assert not list(claim_faults({DECLARATION: text}, {}, FACTS))


@pytest.mark.parametrize(
    "claim",
    [
        "It is not certified, and no regulator approved it.",
        "Nobody says that it is compliant.",
        "The compliance officer reads the report each month.",
        "Loans are granted in compliance with the lending policy.",
        "A loan that is guaranteed by a company is out of scope.",
        "Non-compliant files are left out.",
        "Certified translators read a letter in another language.",
        "The regulator may ask for the file.",
        "It was approved by the validator.",
    ],
)
def test_what_denies_an_assurance_or_is_none_passes(claim: str) -> None:
    assert faults_of(claim) == []


def test_a_fault_says_line_claim_truth_and_cure() -> None:
    (fault,) = claim_faults({CARD: "---\nowner: x\n---\n# Card\n\nAUC 0.99.\n"}, {}, FACTS)

    assert (fault.file, fault.key) == (CARD, "line 6")
    assert fault.got == "AUC 0.99"
    assert "roc_auc 0.883 (0.87 to 0.895)" in fault.expected
    assert "the report prints the measured ones" in fault.hint


def test_what_is_not_known_is_not_compared_and_said() -> None:
    unknown = replace(FACTS, metrics=None, packages=None, rows=None, python="")

    for claim in ("AUC 0.99", "Python 3.6", "numpy 1.2", "trained on 1,000,000 clients"):
        assert faults_of(claim, unknown) == []
    assert len(unknown.not_compared) == 3
    assert FACTS.not_compared == ()
