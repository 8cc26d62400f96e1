"""The trace of one prediction to its release, data, code and approvers.

It answers a complaint about a prediction. It is a pure function of the sealed record and of the
bundle of the release that answered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from goldenpath.audit.answers.prediction_context import circumstances
from goldenpath.audit.report.describe import TOO_FEW, contract_of
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.markdown import as_markdown
from goldenpath.audit.report.narrate import how_to_check
from goldenpath.audit.timeline.intervals import ServingInterval, intervals
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import LiveModel
from goldenpath.canonical import JsonValue
from goldenpath.errors import NotFound, VerificationError
from goldenpath.observe.log.log_reader import Prediction, Record
from goldenpath.project.spec import Contract
from goldenpath.project.task.feature_parts import declared_features
from goldenpath.project.task.text_parts import unpacked
from goldenpath.release.attest.statement import APPROVAL, DECISION, member
from goldenpath.release.evidence.provenance import Origin
from goldenpath.release.evidence.training_statements import datasets_of, metrics_of, origin_of
from goldenpath.release.renewal import SignedRenewal, renewals_of
from goldenpath.train.training_run import Dataset, Metric


@dataclass(frozen=True, slots=True)
class TracedApproval:
    """A person who approved the release, and the digest of the signed approval."""

    person: str
    role: str
    stage: str
    statement: str


@dataclass(frozen=True, slots=True)
class TracedGate:
    """The finding of one gate when the release was promoted to the stage."""

    name: str
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Trace:
    """All evidence about one prediction."""

    prediction: Prediction
    is_verified: bool
    """Whether the evidence of the release passes verification now."""
    failures: tuple[str, ...]
    """The checks of the verification that failed."""
    origin: Origin | None
    datasets: tuple[Dataset, ...]
    metrics: tuple[Metric, ...]
    """Metrics of the evaluation: over all rows, and over the slices that the inputs belong to."""
    gates: tuple[TracedGate, ...]
    approvals: tuple[TracedApproval, ...]
    live: LiveModel | None
    """The commit in force, traffic shares and mismatches when the answer was given."""
    server: ServingInterval | None
    """The server that answered, from the audit log."""
    check: tuple[str, ...]
    """Commands that check the evidence without goldenpath."""
    texts: Mapping[str, str | None] = field(default_factory=dict)
    """The texts in opened inputs, by feature."""
    renewals: tuple[SignedRenewal, ...] = ()
    """Why the release was trained again, if it was."""
    lost: tuple[str, ...] = ()
    """Records that are damaged or gone, of both logs and of the statements about the release."""


def require_sealed(prediction: Prediction, moment: datetime) -> Prediction:
    """Return the prediction. Raises `NotFound` if the log did not have it at the moment."""
    sealed = prediction.checkpoint.sealed_at
    if datetime.fromisoformat(sealed) > moment:
        raise NotFound(
            f"prediction {prediction.prediction_id} was not in the sealed log yet: it was sealed "
            f"at {sealed}"
        )
    return prediction


def trace(prediction: Prediction, bundle: EvidenceBundle) -> Trace:
    """Return the trace of a prediction.

    Raises `VerificationError` if the bundle is of another release.
    """
    if prediction.release != bundle.digest.text:
        raise VerificationError(
            f"prediction {prediction.prediction_id} is of the release {prediction.release}: "
            f"expected {bundle.digest}"
        )
    stage, model = str(prediction.record["stage"]), str(prediction.record["model"])
    moment = datetime.fromisoformat(str(prediction.record["t_start"]))
    models = live_at(bundle.history, bundle.events, moment, alive=moment, logs=bundle.logs)
    verified = bundle.verified
    return Trace(
        prediction=prediction,
        texts=opened_texts(prediction.inputs, contract_of(bundle)),
        is_verified=verified.holds,
        failures=tuple(f"{f.check}: {f.message}" for f in verified.findings if f.status == "fail"),
        origin=origin_of(verified),
        datasets=datasets_of(verified),
        metrics=tuple(m for m in metrics_of(verified) if _applies(m, prediction.inputs)),
        gates=tuple(_gates(bundle, stage)),
        approvals=tuple(_approvals(bundle, stage)),
        live=next((each for each in models if (each.stage, each.model) == (stage, model)), None),
        server=_server(bundle, str(prediction.record["replica"])),
        check=as_markdown(how_to_check(bundle)),
        renewals=renewals_of(verified),
        lost=(
            *bundle.logs.faults,
            *(each.message for each in bundle.lost),
            *_unexplained(prediction, bundle),
        ),
    )


def opened_texts(
    inputs: Mapping[str, float | None] | None, contract: Contract | None
) -> Mapping[str, str | None]:
    """Return the texts in opened inputs by feature; a record holds them as numbers."""
    if inputs is None or contract is None:
        return {}
    texts = {}
    for declared in declared_features(contract):
        names = [f"{declared.name}_{place}" for place in range(declared.width)]
        if declared.part == "text" and inputs.keys() >= {*names}:
            numbers = [inputs[name] for name in names]
            row = np.array([[np.nan if each is None else each for each in numbers]])
            texts[declared.name] = unpacked(row)[0]
    return texts


def _unexplained(prediction: Prediction, bundle: EvidenceBundle) -> Iterator[str]:
    """Return a key of the inputs that is gone, although no event says that it was destroyed."""
    reference = prediction.record["subject_ref"]
    match prediction.inputs_state:
        case "erased":
            is_recorded = reference is None or any(
                each.kind == "subject.erased"
                and (each.details or {}).get("subject_ref") == reference
                for each in bundle.events
            )
        case "expired":
            is_recorded = any(each.kind == "log.expired" for each in bundle.events)
        case _:
            return
    if not is_recorded:
        yield (
            f"the key of the inputs of {prediction.prediction_id} is gone, and no event says that "
            f"they were {prediction.inputs_state}"
        )


def _applies(metric: Metric, inputs: Mapping[str, float | None] | None) -> bool:
    if not metric.slice:
        return True
    column, _, value = metric.slice.partition("=")
    number = (inputs or {}).get(column)
    if number is None:
        return False
    try:
        return float(value) == number
    except ValueError:
        return False


def _gates(bundle: EvidenceBundle, stage: str) -> Iterator[TracedGate]:
    """Return the findings of the last decision for the stage."""
    decisions = [
        each for each in bundle.of_type(DECISION) if each.statement.predicate.get("stage") == stage
    ]
    if not decisions:
        return
    last = max(decisions, key=lambda each: str(each.statement.predicate.get("decidedAt", "")))
    findings = last.statement.predicate.get("findings")
    for finding in findings if isinstance(findings, list) else []:
        yield TracedGate(
            _text(finding, "check"), _text(finding, "status"), _text(finding, "message")
        )


def _approvals(bundle: EvidenceBundle, stage: str) -> Iterator[TracedApproval]:
    for approval in bundle.of_type(APPROVAL):
        predicate = dict(approval.statement.predicate)
        approved = _text(predicate, "scope", "environment") or _text(predicate, "stage")
        if approved == stage and approval.signer not in bundle.approved_own(stage):
            role = _text(predicate, "role")
            yield TracedApproval(approval.signer, role, approved, approval.envelope.text)


def _server(bundle: EvidenceBundle, replica: str) -> ServingInterval | None:
    servers = intervals(bundle.events, bundle.digest.text)
    return next((each for each in servers if each.replica == replica), None)


def _text(value: JsonValue, *path: str) -> str:
    text = member(value, *path)
    return text if isinstance(text, str) else ""


def render_trace(traced: Trace) -> str:
    """Return the trace as a page of text."""
    return "\n".join(_lines(traced))


def _lines(traced: Trace) -> Iterator[str]:
    record = traced.prediction.record
    for fault in traced.lost:
        yield f"FINDING {fault}"
    yield f"prediction {traced.prediction.prediction_id}"
    yield f"  answered   {record['t_start']} in {record['stage']} by {record['model']}"
    yield f"  answer     {answer_text(record)}"
    yield from circumstances(traced.prediction)
    yield f"  inputs     {traced.prediction.inputs_state}"
    for name, text in traced.texts.items():
        # A text is a caller's: its marks of control and direction are shown and not obeyed.
        yield f"    {name} = {'missing' if text is None else repr(text)}"
    for feature, value in (traced.prediction.inputs or {}).items():
        name, _, place = feature.rpartition("_")
        if name in traced.texts and place.isdecimal():
            continue  # a number of a text, which stands above
        yield f"    {feature} = {'missing' if value is None else f'{value:.9g}'}"
    sealed = traced.prediction
    yield f"  sealed in  {sealed.segment}, checkpoint {sealed.checkpoint_digest}"
    yield ""
    yield f"release {traced.prediction.release}"
    yield f"  evidence   {'holds' if traced.is_verified else 'DOES NOT HOLD'}"
    for failure in traced.failures:
        yield f"  FINDING    {failure}"
    yield from _build(traced)
    yield from _evaluation(traced)
    yield from _admission(traced)
    yield from _live(traced)
    yield ""
    yield "how to check it without goldenpath"
    yield from (f"  {line}" for line in traced.check if line != "```")


def answer_text(record: Record) -> str:
    """Return the answer of a record in one line: its number or class, and what was decided."""
    score, name = record["score"], record["class"]
    shown = f"{score:.6g}" if isinstance(score, float) else "none"
    answer = f"score {shown}" if name is None else f"class {name} with probability {shown}"
    if record["outcome"] is None or record["outcome"] == name:
        return answer
    band = f"{record['band']}: " if record["band"] is not None or name is None else ""
    return f"{answer}, {band}{record['outcome']}"


def _build(traced: Trace) -> Iterator[str]:
    origin = traced.origin
    if origin is None:
        yield "  made from  UNKNOWN: no trusted provenance"
        return
    yield f"  code       {origin.repository} at {origin.commit}"
    author = origin.internal.get("author")
    if author:
        yield f"  author     {author}"
    yield f"  built      {origin.started_at} to {origin.finished_at} by {origin.builder}"
    job = origin.internal.get("job")
    if isinstance(job, dict):
        named = (f"{name.removeprefix('token').lower()} {text}" for name, text in job.items())
        yield f"  CI job     {', '.join(named)}"
    yield f"  lock       {origin.materials.get('uv.lock', 'UNKNOWN')}"
    given = ", ".join(f"{name}={value}" for name, value in origin.parameters.items())
    yield f"  parameters {given}; seed {origin.seed}"
    for dataset in traced.datasets:
        yield f"  data       {dataset.name}: {dataset.rows} rows, {dataset.digest}"
    for each in traced.renewals:
        yield f"  renewed    by {each.person}: {each.renewal.sentence}; {each.statement}"
    if not traced.datasets:
        yield "  data       UNKNOWN: no trusted statement about data sets"


def _evaluation(traced: Trace) -> Iterator[str]:
    yield ""
    yield "evaluation of such cases before release"
    for metric in traced.metrics:
        who = metric.slice or "all"
        if metric.rows < TOO_FEW or metric.low is None or metric.high is None:
            yield f"  {who}: {metric.name} not inferable from {metric.rows} rows"
        else:
            yield (
                f"  {who}: {metric.name} {metric.value:.4g} "
                f"({metric.low:.4g} to {metric.high:.4g}, {metric.rows} rows)"
            )
    if not traced.metrics:
        yield "  UNKNOWN: no trusted evaluation"


def _admission(traced: Trace) -> Iterator[str]:
    yield ""
    yield "how it was admitted"
    for gate in traced.gates:
        yield f"  gate       {gate.status:<14} {gate.name}: {gate.message}"
    if not traced.gates:
        yield "  gate       UNKNOWN: no signed decision for this stage is attached"
    for approval in traced.approvals:
        yield f"  approved   {approval.person} ({approval.role or 'no role'}), {approval.statement}"
    if not traced.approvals:
        yield "  approved   nobody with a trusted statement"


def _live(traced: Trace) -> Iterator[str]:
    yield ""
    yield "why it was live"
    live = traced.live
    if live is None or live.intent is None:
        yield "  commit     UNKNOWN: no commit placed the model in the stage then"
    else:
        intent = live.intent
        yield f"  commit     {intent.commit} of {intent.time.isoformat()}"
        yield f"  its time   is {intent.time_by}"
        yield f"  signed by  {intent.signer or 'nobody listed'}; reason: {intent.reason}"
    share = (
        next((s for s in live.shares if s.digest == traced.prediction.release), None)
        if live
        else None
    )
    if share is not None:
        yield f"  share      {share.observed} % observed, {share.intended} % intended"
    server = traced.server
    if server is None:
        yield "  server     UNKNOWN: the audit log has no event about it"
    else:
        ended = server.end or "now"
        yield f"  server     {server.replica}, {server.start} to {ended}: {server.ending}"
    for mismatch in live.mismatches if live else ():
        yield f"  FINDING    {mismatch.kind}: {mismatch.message}"
