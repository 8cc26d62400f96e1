"""From one answer to model, data, code and people: the page behind a complaint.

A pure function of the sealed record of the answer and the bundle of the release that gave it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.audit.answers.prediction_context import circumstances
from goldenpath.audit.report.describe import TOO_FEW
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.narrate import how_to_check
from goldenpath.audit.timeline.intervals import ServingInterval, intervals
from goldenpath.audit.timeline.live import LiveModel, live_at
from goldenpath.canonical import JsonValue
from goldenpath.errors import VerificationError
from goldenpath.observe.log.log_reader import Prediction
from goldenpath.release.attest.statement import APPROVAL, DECISION, member
from goldenpath.release.evidence.provenance import Origin
from goldenpath.release.evidence.training_statements import datasets_of, metrics_of, origin_of
from goldenpath.train.training_run import Dataset, Metric


@dataclass(frozen=True, slots=True)
class TracedApproval:
    """A person who approved the release, and the signed document that says so."""

    person: str
    role: str
    stage: str
    statement: str


@dataclass(frozen=True, slots=True)
class TracedGate:
    """What one gate found when the release was let into the stage."""

    name: str
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything behind one answer."""

    prediction: Prediction
    is_verified: bool
    """Whether the evidence of the release holds now."""
    failures: tuple[str, ...]
    """What verification found wrong, if anything."""
    origin: Origin | None
    datasets: tuple[Dataset, ...]
    metrics: tuple[Metric, ...]
    """What was known beforehand of all rows, and of the groups that the inputs belong to."""
    gates: tuple[TracedGate, ...]
    approvals: tuple[TracedApproval, ...]
    live: LiveModel | None
    """Commit in force, shares and cross-checks at the moment of the answer."""
    server: ServingInterval | None
    """The server that answered, as the events know it."""
    check: tuple[str, ...]
    """How to check it without this program."""


def trace(prediction: Prediction, bundle: EvidenceBundle) -> Trace:
    """The trace of an answer. Raises `VerificationError` if the bundle is of another release."""
    if prediction.release != bundle.digest.text:
        raise VerificationError(f"{prediction.prediction_id} was answered by {prediction.release}")
    stage, model = str(prediction.record["stage"]), str(prediction.record["model"])
    moment = datetime.fromisoformat(str(prediction.record["t_start"]))
    found = live_at(bundle.history, bundle.events, moment, alive=moment)
    verified = bundle.verified
    return Trace(
        prediction=prediction,
        is_verified=verified.holds,
        failures=tuple(f"{f.check}: {f.message}" for f in verified.findings if f.status == "fail"),
        origin=origin_of(verified),
        datasets=datasets_of(verified),
        metrics=tuple(m for m in metrics_of(verified) if _applies(m, prediction.inputs)),
        gates=tuple(_gates(bundle, stage)),
        approvals=tuple(_approvals(bundle, stage)),
        live=next((each for each in found if (each.stage, each.model) == (stage, model)), None),
        server=_server(bundle, str(prediction.record["replica"])),
        check=how_to_check(bundle),
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
    """The findings of the last decision for the stage."""
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
    for each in bundle.of_type(APPROVAL):
        said = dict(each.statement.predicate)
        where = _text(said, "scope", "environment") or _text(said, "stage")
        if where == stage:
            yield TracedApproval(each.signer, _text(said, "role"), where, each.envelope.text)


def _server(bundle: EvidenceBundle, replica: str) -> ServingInterval | None:
    found = (each for each in intervals(bundle.events, bundle.digest.text))
    return next((each for each in found if each.replica == replica), None)


def _text(value: JsonValue, *path: str) -> str:
    found = member(value, *path)
    return found if isinstance(found, str) else ""


def render_trace(made: Trace) -> str:
    """One page for people."""
    return "\n".join(_lines(made))


def _lines(made: Trace) -> Iterator[str]:
    record = made.prediction.record
    yield f"prediction {made.prediction.prediction_id}"
    yield f"  answered   {record['t_start']} in {record['stage']} by {record['model']}"
    score = record["score"]
    shown = f"{score:.6g}" if isinstance(score, float) else "none"
    yield f"  answer     score {shown}, {record['band']}: {record['outcome']}"
    yield from circumstances(made.prediction)
    yield f"  inputs     {made.prediction.inputs_state}"
    yield f"  sealed in  {made.prediction.segment}, checkpoint {made.prediction.checkpoint_digest}"
    yield ""
    yield f"release {made.prediction.release}"
    yield f"  evidence   {'holds' if made.is_verified else 'DOES NOT HOLD'}"
    for failure in made.failures:
        yield f"  FINDING    {failure}"
    yield from _made_from(made)
    yield from _known(made)
    yield from _let_in(made)
    yield from _live(made)
    yield ""
    yield "how to check it without us"
    yield from (f"  {line}" for line in made.check if line != "```")


def _made_from(made: Trace) -> Iterator[str]:
    origin = made.origin
    if origin is None:
        yield "  made from  UNKNOWN: no provenance counts"
        return
    yield f"  code       {origin.repository} at {origin.commit}"
    author = origin.internal.get("author")
    if author:
        yield f"  author     {author}"
    yield f"  built      {origin.started_at} to {origin.finished_at} by {origin.builder}"
    yield f"  lock       {origin.materials.get('uv.lock', 'UNKNOWN')}"
    given = ", ".join(f"{name}={value}" for name, value in origin.parameters.items())
    yield f"  parameters {given}; seed {origin.seed}"
    for dataset in made.datasets:
        yield f"  data       {dataset.name}: {dataset.rows} rows, {dataset.digest}"
    if not made.datasets:
        yield "  data       UNKNOWN: no statement on data counts"


def _known(made: Trace) -> Iterator[str]:
    yield ""
    yield "what was known of such cases before"
    for metric in made.metrics:
        who = metric.slice or "all"
        if metric.rows < TOO_FEW or metric.low is None or metric.high is None:
            yield f"  {who}: {metric.name} not inferable from {metric.rows} rows"
        else:
            yield (
                f"  {who}: {metric.name} {metric.value:.4g} "
                f"({metric.low:.4g} to {metric.high:.4g}, {metric.rows} rows)"
            )
    if not made.metrics:
        yield "  UNKNOWN: no evaluation counts"


def _let_in(made: Trace) -> Iterator[str]:
    yield ""
    yield "who let it in"
    for gate in made.gates:
        yield f"  gate       {gate.status:<14} {gate.name}: {gate.message}"
    if not made.gates:
        yield "  gate       UNKNOWN: no signed decision for this stage is attached"
    for each in made.approvals:
        yield f"  approved   {each.person} ({each.role or 'no role'}), {each.statement}"
    if not made.approvals:
        yield "  approved   nobody, by a statement that counts"


def _live(made: Trace) -> Iterator[str]:
    yield ""
    yield "how it came to answer"
    live = made.live
    if live is None or live.intent is None:
        yield "  commit     UNKNOWN: git did not ask for it then"
    else:
        intent = live.intent
        yield f"  commit     {intent.commit} of {intent.time.isoformat()}"
        yield f"  signed by  {intent.signer or 'nobody who is listed'}; reason: {intent.reason}"
    share = (
        next((s for s in live.shares if s.digest == made.prediction.release), None)
        if live
        else None
    )
    if share is not None:
        yield f"  share      {share.observed} % observed, {share.intended} % intended"
    server = made.server
    if server is None:
        yield "  server     UNKNOWN: no event about it"
    else:
        ended = server.end or "now"
        yield f"  server     {server.replica}, {server.start} to {ended}: {server.ending}"
    for mismatch in live.mismatches if live else ():
        yield f"  FINDING    {mismatch.kind}: {mismatch.message}"
