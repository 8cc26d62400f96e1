"""Contradictions between pieces of evidence. The report lists all of them on its first page."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from goldenpath.audit.events.event import Event
from goldenpath.audit.report.claim_checks import claim_checks
from goldenpath.audit.report.describe import AGE_COLUMNS, contract_of
from goldenpath.audit.report.evidence_bundle import EvidenceBundle
from goldenpath.audit.report.texts import document
from goldenpath.audit.timeline.intervals import intervals
from goldenpath.audit.timeline.live import mismatches_at
from goldenpath.audit.timeline.live_model import Intent, Mismatch
from goldenpath.digest import Digest
from goldenpath.promote.gates.authorship import is_same_person
from goldenpath.release.attest.statement import APPROVAL
from goldenpath.release.evidence.training_statements import (
    checks_of,
    datasets_of,
    evaluation_of,
    origin_of,
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two pieces of evidence that disagree, and the fields that depend on them."""

    fields: tuple[str, ...]
    message: str
    needs: tuple[str, ...] = ()
    """Every field that needs one of these is contradicted too."""

    def concerns(self, number: str, needs: tuple[str, ...]) -> bool:
        """Whether a field with that number and these needs is contradicted."""
        return number in self.fields or any(need in self.needs for need in needs)


def contradictions(bundle: EvidenceBundle) -> tuple[Contradiction, ...]:
    """Return every contradiction in the bundle."""
    return (
        *_verification(bundle),
        *_thresholds(bundle),
        *_inputs_of_build(bundle),
        *_approvals(bundle),
        *_data(bundle),
        *_service(bundle),
        *_servers(bundle),
        *_break_glass(bundle),
        *(Contradiction((), message, needs) for needs, message in claim_checks(bundle)),
    )


def _verification(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    for finding in bundle.verified.findings:
        if finding.status == "fail":
            yield Contradiction(("1.2", "2.29"), f"{finding.check}: {finding.message}")
    for check in checks_of(bundle.verified):
        if not check.passed:
            yield Contradiction(("2.27",), f"the check {check.name} of the build failed")


def _thresholds(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    evaluation = evaluation_of(bundle.verified)
    if evaluation is None:
        return
    content = bundle.file("thresholds.yaml")
    if content is not None and Digest.of(content).text != evaluation.thresholds_digest:
        yield Contradiction(
            ("2.25",), "the thresholds in the release differ from those that the evaluation used"
        )
    committed_at, started_at = evaluation.thresholds_committed_at, evaluation.started_at
    if not committed_at or not started_at:
        return
    if datetime.fromisoformat(committed_at) > datetime.fromisoformat(started_at):
        yield Contradiction(
            ("2.25",),
            f"the thresholds were changed at {committed_at}, after the run began at {started_at}: "
            "they prove nothing, even if the numbers pass",
        )


def _inputs_of_build(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    origin = origin_of(bundle.verified)
    if origin is None:
        return
    if origin.internal.get("dirty") is True:
        yield Contradiction(
            ("10.7",), "the tree was dirty when the release was built: the commit is not its source"
        )
    for dataset in datasets_of(bundle.verified):
        named = origin.materials.get(dataset.name)
        if named is not None and named != dataset.digest:
            yield Contradiction(
                ("2.13", "10.7"),
                f"provenance says {named} of the data set {dataset.name}, the statement on data "
                f"says {dataset.digest}",
            )
    for name, digest in origin.materials.items():
        content = bundle.file(name.removeprefix("compliance/"))
        if content is not None and Digest.of(content).text != digest:
            yield Contradiction(("10.7",), f"{name} in the release is not what the build was given")


def _approvals(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    origin = origin_of(bundle.verified)
    author = str(origin.internal.get("author", "")) if origin else ""
    if origin is not None and origin.internal.get("signer"):
        author = ""  # whoever signed the commit, a name in it is text
    for approver in sorted({each.signer for each in bundle.of_type(APPROVAL)}):
        if author and is_same_person(approver, author):
            yield Contradiction(
                ("0.3", "2.28", "10.6"),
                f"{approver} approved a release that was built from a commit of {author}: "
                "this is the same person",
            )
    stages = {each.stage for each in _intents(bundle)}
    own = {(stage, name) for stage in stages for name in bundle.approved_own(stage)}
    for stage, approver in sorted(own):
        yield Contradiction(
            ("0.3", "2.28", "10.6"),
            f"{approver} approved for {stage} what they wrote a part of: it does not count",
        )
    for intent in _intents(bundle):
        if intent.signer and intent.signer in intent.approved_by:
            yield Contradiction(
                ("0.3", "10.6"),
                f"{intent.signer} is author and approver of the commit {intent.commit[:12]} for "
                f"{intent.stage}",
            )


def _intents(bundle: EvidenceBundle) -> Iterator[Intent]:
    for intent in bundle.history:
        if any(slot.digest == bundle.digest for slot in intent.slots):
            yield intent


def _data(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    system = bundle.file("system.yaml")
    declared = document(system).get("minimum_age") if system is not None else None
    contract = contract_of(bundle)
    bounds = {each.name: each for each in contract.features} if contract else {}
    for dataset in datasets_of(bundle.verified):
        for column in dataset.columns:
            least, most = column.minimum, column.maximum
            bound = bounds.get(column.name)
            is_age = column.name.lower() in AGE_COLUMNS
            if is_age and isinstance(declared, int) and least is not None and least < declared:
                yield Contradiction(
                    ("2.14", "11.3"),
                    f"the declared minimum age is {declared}: the data set {dataset.name} has "
                    f"{column.name} {least:g}",
                )
            if bound is None:
                continue
            if bound.minimum is not None and least is not None and least < bound.minimum:
                yield _outside(dataset.name, column.name, least, "at least", bound=bound.minimum)
            if bound.maximum is not None and most is not None and most > bound.maximum:
                yield _outside(dataset.name, column.name, most, "at most", bound=bound.maximum)


def _outside(dataset: str, column: str, value: float, side: str, *, bound: float) -> Contradiction:
    return Contradiction(
        ("2.14", "3.6"),
        f"the contract allows {column} {side} {bound:g}: the data set {dataset} has {value:g}",
    )


def _service(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    """Compare the declared day of first service with the first observed server."""
    system = bundle.file("system.yaml")
    declared = document(system).get("first_put_into_service") if system is not None else None
    if declared is None or not bundle.history:
        return
    stages = [each.stage for each in bundle.history]
    servers = [each for each in intervals(bundle.events, "") if each.stage == stages[-1]]
    day = str(declared)
    if servers and (not _is_day(day) or servers[0].start[:10] < day):
        yield Contradiction(
            ("11.4",),
            f"declared as first put into service: {day}; a server was observed in "
            f"{servers[0].stage} at {servers[0].start}",
        )


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _servers(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    """Compare the observed servers of this release with its commits and approvals."""
    ours = [
        event
        for event in bundle.events
        if event.digest == bundle.digest.text and event.kind == "server.ready"
    ]
    judged = _judged_once(ours)
    moments = [((e.stage, e.model), datetime.fromisoformat(e.time)) for e in judged]
    found = dict(
        zip(map(id, judged), mismatches_at(bundle.history, bundle.events, moments), strict=True)
    )
    for event in ours:
        loaded = (event.details or {}).get("loaded")
        if isinstance(loaded, str) and loaded != event.digest:
            yield Contradiction(
                ("10.3", "2.29"), f"a server of this release loaded {loaded} at {event.time}"
            )
        yield from _unauthorised(event, found.get(id(event), ()))


def _judged_once(events: Iterable[Event]) -> list[Event]:
    """Return one event of each commit: all servers of one commit get the same judgement."""
    judged = set[tuple[str, str]]()
    kept = []
    for event in events:
        if not event.commit or (event.stage, event.commit) not in judged:
            judged.add((event.stage, event.commit))
            kept.append(event)
    return kept


def _break_glass(bundle: EvidenceBundle) -> Iterator[Contradiction]:
    """Return the stages where the release is in place by break-glass now."""
    last = {(each.stage, each.model): each for each in bundle.history}
    for (stage, _), intent in last.items():
        if intent.glass is not None and any(slot.digest == bundle.digest for slot in intent.slots):
            message = intent.glass.summary(datetime.fromisoformat(bundle.as_of))
            yield Contradiction(("0.3", "10.3", "6.4"), f"in {stage} {message}")


def _unauthorised(event: Event, found: Iterable[Mismatch]) -> Iterator[Contradiction]:
    messages: Mapping[str, str] = {mismatch.kind: mismatch.message for mismatch in found}
    kinds = ("live without commit", "live without approval", "approvals not known",
             "commit not signed")  # fmt: skip
    for kind in kinds:
        if kind in messages:
            yield Contradiction(("10.3", "0.3"), f"{kind} at {event.time}: {messages[kind]}")
