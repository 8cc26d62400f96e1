"""A release as its statements know it, for tests of what people claim about it."""

from goldenpath.project.claims.known_facts import MetricLimit, ReleaseFacts
from goldenpath.project.claims.statement_claims import CARD, claim_faults
from goldenpath.project.spec import Band, Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.train.training_run import Metric

CONTRACT = Contract(
    "credit-default",
    (
        Feature("limit", "number", "amount of credit given"),
        Feature("age", "number", "age in years"),
        Feature("education", "category", "1 graduate school", categories=(1, 2)),
        Feature("status", "category", "repayment status", categories=(0, 1)),
        Feature("bill", "number", "amount of the month's bill"),
        Feature("paid", "number", "amount paid in the month"),
    ),
    "probability_of_default",
    DecisionPolicy((Band("low", 0.1, "accept"), Band("high", 1.01, "decline"))),
    MonitorSettings(),
)
FACTS = ReleaseFacts(
    CONTRACT,
    "high",
    metrics=(
        Metric("roc_auc", 0.883, 0.87, 0.895, 6000),
        Metric("roc_auc", 0.86, 0.85, 0.87, 3400, "sex=2"),
        Metric("roc_auc", 0.99, None, None, 12, "age_band=90"),
        Metric("brier", 0.05, 0.048, 0.052, 6000),
        Metric("expected_calibration_error", 0.01, 0.005, 0.02, 6000),
        Metric("acceptance_rate", 0.8, 0.79, 0.81, 6000),
        Metric("accuracy_at_0.1", 0.91, 0.9, 0.92, 6000),
    ),
    limits=(MetricLimit("roc_auc", 0.85),),
    packages=(
        ("numpy", "2.3.5+local"),
        ("onnx", "1.19.0"),
        ("requests", "2.1"),
        ("scikit-learn", "1.7.2"),
    ),
    python="3.11.7",
    columns=("client", "sex"),
    slices=("sex", "age_band", "education"),
    rows=(30000, 6000, 24000),
    names=("clients", "kind", "accept", "decline"),
)


def faults_of(sentence: str, facts: ReleaseFacts = FACTS) -> list[str]:
    """The faults of a card with one sentence, in words."""
    texts = {CARD: f"---\nowner: x\n---\n# Card\n\n{sentence}\n"}
    return [str(fault) for fault in claim_faults(texts, {}, facts)]
