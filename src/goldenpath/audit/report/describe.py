"""The report's facts about the release: how it was built, from what, and how well it performs.

Each function prints facts from verified statements or from the image. It prints nothing if there
is no such fact, so that the gap stays visible.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from goldenpath.audit.report.blocks import Blocks, Paragraph, paragraphs, table
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.texts import document
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.contract import parse_contract
from goldenpath.project.number_text import number_text
from goldenpath.project.spec import Contract, DecisionPolicy, Feature, MonitorSettings
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    metrics_of,
    origin_of,
    packages_of,
)
from goldenpath.release.renewal import renewals_of
from goldenpath.train.training_run import EQUALITY, Metric

TOO_FEW = 30
"""Fewer rows than this make a metric of a group \"not inferable\". It is never a pass."""


def contract_of(bundle: EvidenceBundle) -> Contract | None:
    """Return the contract in the image. None if it is missing or cannot be parsed."""
    content = bundle.file("contract.json")
    if content is None:
        return None
    try:
        return parse_contract(content)
    except InvalidInput:
        return None


def _identity(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    lines = [("Model", bundle.model), ("Release digest", bundle.digest)]
    if origin is not None:
        lines += [("Repository", origin.repository), ("Commit", origin.commit)]
    return table(("", ""), lines)


def _environment(bundle: EvidenceBundle) -> Blocks:
    packages = packages_of(bundle.verified)
    lock = bundle.file("uv.lock")
    version = bundle.file("python-version")
    head = []
    if version is not None:
        head.append(Paragraph(f"Python {version.decode('utf-8', 'replace').strip()}.", "lock"))
    if lock is not None:
        head.append(Paragraph(f"Lock: {Digest.of(lock)}; every package by hash.", "lock"))
    if not packages:
        return tuple(head)
    listed = table(
        ("Package", "Version", "Licence"),
        ((p.name, p.version, p.licence or "not known") for p in packages),
    )
    return (*head, *listed)


def _supply(bundle: EvidenceBundle) -> Blocks:
    files = sorted((path, Digest.of(content)) for path, content in bundle.files.items())
    return (
        Paragraph(
            f"One OCI image, {bundle.digest}, mounted or copied by any OCI runtime; over the same "
            "layers a CNCF ModelPack artifact; served by Open Inference Protocol v2.",
            "generator",
        ),
        *table(("Small file in the image", "Digest"), files),
    )


def _hardware(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    if origin is None:
        return ()
    named = ("platform", "cpu", "threads")
    return table(
        ("Trained on", ""), ((n, origin.internal[n]) for n in named if n in origin.internal)
    )


def _compute(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    if origin is None:
        return ()
    return (
        Paragraph(f"Build from {origin.started_at} to {origin.finished_at} on one machine."),
        Paragraph("No energy was measured, and none is estimated.", "generator"),
    )


def _inputs(bundle: EvidenceBundle) -> Blocks:
    contract = contract_of(bundle)
    if contract is None:
        return ()
    return table(
        ("Feature", "Kind", "From", "To", "Codes", "May be missing"),
        (
            _input(each)
            for place, each in enumerate(contract.features)
            if each.part != "text" or each.part_of != contract.features[place - 1].part_of
        ),
    )


def _input(feature: Feature) -> tuple[object, ...]:
    """Return the row of a feature; a text has one row, and not one for each of its numbers."""
    missing = "yes" if feature.missing else "no"
    if feature.part == "text":
        return (feature.part_of, "text", "", f"{feature.bytes} bytes", "", missing)
    return (
        feature.name,
        feature.kind,
        "" if feature.minimum is None else feature.minimum,
        "" if feature.maximum is None else feature.maximum,
        ", ".join(feature.code_names),
        missing,
    )


def _policy(bundle: EvidenceBundle) -> Blocks:
    contract = contract_of(bundle)
    if contract is None:
        return ()
    return (*_answers(contract), *_decisions(contract.decision))


def _answers(contract: Contract) -> Blocks:
    """Return what the model answers with, unless it is one probability."""
    value = contract.value
    if value is not None:
        bounds = f"{number_text(value.minimum)} to {number_text(value.maximum)}"
        text = f"The model answers with a value from {bounds} {value.unit}."
        return (Paragraph(text, is_apart=True),)
    if contract.classes:
        text = (
            f"The model answers with a probability for each class: {', '.join(contract.classes)}."
        )
        return (Paragraph(text, is_apart=True),)
    return ()


def _decisions(policy: DecisionPolicy | None) -> Blocks:
    if policy is None:
        return paragraphs("No decision policy is declared: callers decide by the answer.")
    if policy.classes:
        listed = table(
            ("Class", "At least", "Outcome"),
            ((rule.name, rule.minimum, rule.outcome) for rule in policy.classes),
        )
        fallback = f"For a class that is too unlikely: {policy.fallback}."
        return (*listed, *paragraphs(fallback))
    listed = table(
        ("Band", "Score below", "Outcome"), ((b.name, b.below, b.outcome) for b in policy.bands)
    )
    return (*listed, *paragraphs(f"Where no score can be had: {policy.fallback}."))


def _monitors(bundle: EvidenceBundle) -> Blocks:
    contract = contract_of(bundle)
    if contract is None:
        return ()
    set_ = contract.monitor
    return paragraphs(
        f"Declared for {len(contract.features)} features and the score: {_tolerance(set_)} is "
        f"tolerated, at most {set_.false_alarms_a_year:g} false alarms a year, a look at least "
        f"every {set_.look_rows} rows where there are few."
    )


def _tolerance(settings: MonitorSettings) -> str:
    if settings.floor_psi is None:
        return "what is usual between the days of the reference"
    return f"a shift up to {settings.floor_psi:g} nats (PSI)"


def _parameters(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    if origin is None:
        return ()
    given = {"entry": origin.entry, "seed": origin.seed, **origin.parameters}
    return table(("Parameter", "Value"), given.items())


def _steps(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    checks = checks_of(bundle.verified)
    head: Blocks = ()
    if origin is not None:
        what = f"ran {origin.entry}"
        if not origin.is_observed:
            what = "was given a model that was trained elsewhere, and scored rows with it,"
        text = (
            f"{origin.builder} {what} at commit {origin.commit} from {origin.started_at} to "
            f"{origin.finished_at}."
        )
        head = (Paragraph(text, "provenance"),)
    head += tuple(
        Paragraph(f"{each.person} signed: {each.renewal.sentence}. Statement {each.statement}.")
        for each in renewals_of(bundle.verified)
    )
    listed = table(
        ("Check", "Passed", "Detail"),
        ((c.name, "yes" if c.passed else "NO", c.detail) for c in checks),
    )
    return (*head, *listed)


def _datasets(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Data set", "Rows", "Digest", "Source", "Licence"),
        ((d.name, d.rows, d.digest, d.source, d.licence) for d in datasets_of(bundle.verified)),
    )


def _columns(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Data set", "Column", "Type", "Missing", "Distinct", "Least", "Most", "Mean"),
        (
            (d.name, c.name, c.type, c.missing, c.distinct, *_range(c.minimum, c.maximum, c.mean))
            for d in datasets_of(bundle.verified)
            for c in d.columns
        ),
    )


def _range(*values: float | None) -> tuple[object, ...]:
    return tuple("" if value is None else value for value in values)


def _metrics(bundle: EvidenceBundle) -> Blocks:
    return _metric_rows([m for m in metrics_of(bundle.verified) if not m.slice])


def _groups(bundle: EvidenceBundle) -> Blocks:
    return _metric_rows([m for m in metrics_of(bundle.verified) if m.slice])


def _metric_rows(metrics: list[Metric]) -> Blocks:
    return table(
        ("Group", "Metric", "Value", "95 % interval", "Rows"),
        (
            (m.slice or "all", m.name, m.value, _interval(m), m.rows)
            if m.rows >= TOO_FEW
            else (m.slice or "all", m.name, "not inferable", "too few rows", m.rows)
            for m in metrics
        ),
    )


def _interval(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return "not inferable"
    return f"{metric.low:.4g} to {metric.high:.4g}"


def _evaluation(bundle: EvidenceBundle) -> Blocks:
    evaluation = evaluation_of(bundle.verified)
    if evaluation is None:
        return ()
    origin = origin_of(bundle.verified)
    if origin is not None and not origin.is_observed:
        equality = [c.detail for c in checks_of(bundle.verified) if c.name == EQUALITY]
        return (
            Paragraph(f"Evaluated on {evaluation.rows} rows that were given with the model."),
            Paragraph("Whether the model was trained on these rows is not known.", "unknown"),
            *(Paragraph(each, "tests") for each in equality),
        )
    skew = evaluation.largest_skew
    unseen = "How often this test set was used outside of signed builds cannot be seen."
    return (
        Paragraph(f"Evaluated on {evaluation.rows} rows that the training had set apart."),
        Paragraph(f"The packaged model and the training code differ by at most {skew:g}."),
        Paragraph(unseen, "unknown"),
    )


def _thresholds(bundle: EvidenceBundle) -> Blocks:
    evaluation = evaluation_of(bundle.verified)
    content = bundle.file("thresholds.yaml")
    if evaluation is None or content is None:
        return ()
    limits = document(content).get("metrics")
    listed = [each for each in limits if isinstance(each, dict)] if isinstance(limits, list) else []
    committed = evaluation.thresholds_committed_at
    clock = "The time of a commit is the committer's word; no time-stamp authority confirmed it."
    return (
        Paragraph(
            f"Thresholds {evaluation.thresholds_digest}, last changed by a commit at "
            f"{committed}; the run began at {evaluation.started_at}."
        ),
        Paragraph(clock, "unknown"),
        *table(
            ("Metric", "At least", "At most"),
            ((m.get("metric", ""), m.get("minimum", ""), m.get("maximum", "")) for m in listed),
        ),
    )


def _ages(bundle: EvidenceBundle) -> Blocks:
    ages = [
        (d.name, c.name, *_range(c.minimum, c.maximum))
        for d in datasets_of(bundle.verified)
        for c in d.columns
        if c.name.lower() in AGE_COLUMNS
    ]
    return table(("Data set", "Column", "Youngest", "Oldest"), ages)


AGE_COLUMNS = frozenset({"age", "age_years", "alter"})
"""Column names that hold the age of a person."""


def _security(bundle: EvidenceBundle) -> Blocks:
    return table(
        ("Check of the verifier", "Result", "What it saw"),
        ((f.check, f.status, f.message) for f in bundle.verified.findings),
    )


def _build(bundle: EvidenceBundle) -> Blocks:
    origin = origin_of(bundle.verified)
    if origin is None:
        return ()
    return table(("Input of the build", "Digest"), sorted(origin.materials.items()))


DESCRIBE: Mapping[str, Callable[[EvidenceBundle], Blocks]] = MappingProxyType(
    {
        "identity": _identity,
        "environment": _environment,
        "supply": _supply,
        "hardware": _hardware,
        "compute": _compute,
        "inputs": _inputs,
        "policy": _policy,
        "monitors": _monitors,
        "parameters": _parameters,
        "steps": _steps,
        "datasets": _datasets,
        "columns": _columns,
        "metrics": _metrics,
        "groups": _groups,
        "evaluation": _evaluation,
        "thresholds": _thresholds,
        "ages": _ages,
        "security": _security,
        "build": _build,
    }
)
"""The functions by their name in the `show` of a control."""
