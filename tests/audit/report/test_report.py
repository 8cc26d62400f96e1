"""The technical documentation: what it proves, what it shows as missing, what it never says."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.log_state import LogState, LogStates
from goldenpath.audit.report.contradictions import contradictions
from goldenpath.audit.report.control_map import current_map
from goldenpath.audit.report.evidence_bundle import (
    EvidenceBundle,
    LostStatement,
    NotedAdvisory,
    RecordedOverride,
)
from goldenpath.audit.report.report import Report, render_markdown, report
from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.promote.gates.test_sets.data_looks import LookLedger
from goldenpath.release.attest.policy import SignedStatement
from goldenpath.release.attest.statement import (
    APPROVAL,
    DATASET,
    DECISION,
    METRICS,
    OURS,
    PROVENANCE,
    SBOM,
    SCAN,
    SIGNED,
    TEST_RESULT,
    Statement,
)
from goldenpath.train.training_run import ColumnSummary, TrainingRun
from tests.audit.made import (
    Made,
    bundle_of,
    documents,
    intent,
    lived,
    make_release,
    run_of,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def bundle(made: Made) -> EvidenceBundle:
    return bundle_of(made)


def of(bundle: EvidenceBundle) -> Report:
    return report(bundle, current_map())


def without(bundle: EvidenceBundle, predicate_type: str) -> EvidenceBundle:
    kept = tuple(
        each
        for each in bundle.verified.statements
        if each.statement.predicate_type != predicate_type
    )
    return replace(bundle, verified=replace(bundle.verified, statements=kept))


def with_files(bundle: EvidenceBundle, changed: Mapping[str, bytes | None]) -> EvidenceBundle:
    files = dict(bundle.files)
    for end, content in changed.items():
        path = next(each for each in files if each.endswith("/" + end))
        del files[path]
        if content is not None:
            files[path] = content
    return replace(bundle, files=files)


def rebuilt(folder: Path, run: TrainingRun) -> EvidenceBundle:
    return bundle_of(make_release(folder, documents(), run))


def test_the_map_has_the_fields_and_sources_of_the_specification() -> None:
    fields = current_map().fields

    assert len(fields) == 91, "86 of the specification, three of laws beside it, two of ledgers"
    assert [sum(f.source == source for f in fields) for source in "AMH"] == [52, 12, 27]
    assert current_map().celex == "02024R1689-20260727"


def test_a_whole_release_has_proven_declared_and_missing_fields(bundle: EvidenceBundle) -> None:
    made = of(bundle)

    assert bundle.verified.holds
    assert made.field("2.13").status == "PROVEN"
    assert made.field("2.25").status == "DECLARED"
    assert made.field("1.3").status == "DECLARED"
    assert made.field("10.3").status == "OBSERVED"
    assert made.field("9.4").status == "NOT YET OBSERVABLE"
    assert made.field("1.11").status == "NOT APPLICABLE"
    assert made.field("5.1").status == "MISSING"
    assert sum(made.counts.values()) == 91


def test_the_same_bundle_gives_the_same_bytes(bundle: EvidenceBundle, made: Made) -> None:
    assert render_markdown(of(bundle)) == render_markdown(of(bundle_of(made)))


def test_the_gaps_stand_before_everything_else(bundle: EvidenceBundle) -> None:
    text = render_markdown(of(bundle))

    first_section = text.index("## 1 ")
    for field in of(bundle).fields:
        if field.status in ("MISSING", "CONTRADICTED", "STALE", "WAIVED"):
            assert 0 < text.index(f"- {field.number} {field.title}") < first_section


def test_no_report_claims_conformity(bundle: EvidenceBundle) -> None:
    text = render_markdown(of(bundle)).lower()

    assert "compliant" not in text
    assert "certified" not in text


def test_every_field_stands_under_its_number_once(bundle: EvidenceBundle) -> None:
    text = render_markdown(of(bundle))

    for control in current_map().fields:
        wanted = 0 if control.number == "0.1" else 1
        assert len(re.findall(rf"^### {re.escape(control.number)} ", text, re.MULTILINE)) == wanted


@pytest.mark.parametrize(
    ("predicate_type", "fields"),
    [
        (PROVENANCE, ("2.1", "2.4", "10.7", "1.10")),
        (SBOM, ("1.8", "2.3")),
        (DATASET, ("2.13", "2.14", "11.3")),
        (METRICS, ("2.23", "2.24", "2.25")),
        (TEST_RESULT, ("2.27",)),
        (SIGNED, ("1.2", "2.29")),
        (APPROVAL, ("0.3", "2.28")),
        (DECISION, ("6.4",)),
    ],
)
def test_each_statement_that_is_taken_away_leaves_a_gap(
    bundle: EvidenceBundle, predicate_type: str, fields: tuple[str, ...]
) -> None:
    assert predicate_type in {s.statement.predicate_type for s in bundle.verified.statements}
    needs = {each.number: each.proofs for each in of(bundle).fields}
    assert all(any(p.status == "PROVEN" for p in needs[number]) for number in fields)

    poorer = of(without(bundle, predicate_type))

    assert [poorer.field(number).status for number in fields] == ["MISSING"] * len(fields)
    page_one = render_markdown(poorer).partition("## 1 ")[0]
    assert all(f"- {number} " in page_one for number in fields)


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("card.md", "1.3"),
        ("system.yaml", "1.5"),
        ("roles.yaml", "10.6"),
        ("thresholds.yaml", "2.25"),
        ("clients.md", "2.15"),
        ("contract.json", "2.8"),
        ("uv.lock", "1.8"),
    ],
)
def test_each_file_that_is_taken_away_leaves_a_gap(
    bundle: EvidenceBundle, file: str, field: str
) -> None:
    assert of(bundle).field(field).status != "MISSING"
    assert of(with_files(bundle, {file: None})).field(field).status == "MISSING"


def test_a_waiver_stands_on_page_one(tmp_path: Path) -> None:
    made = of(bundle_of(make_release(tmp_path, waived=True)))

    assert made.field("6.4").status == "WAIVED"
    assert "until 2026-12-31" in " ".join(made.field("6.4").shown)
    assert "- 6.4 " in render_markdown(made).partition("## 1 ")[0]


def test_a_placeholder_is_a_missing_text(bundle: EvidenceBundle) -> None:
    provider = of(bundle).field("1.1")

    assert provider.status == "MISSING"
    assert "placeholder" in " ".join(proof.note for proof in provider.proofs)
    assert "to be filled" not in render_markdown(of(bundle))


def test_a_missing_text_keeps_its_heading_and_gets_no_sentence(bundle: EvidenceBundle) -> None:
    field = of(bundle).field("2.31")

    assert field.status == "MISSING"
    assert field.shown == ()
    assert all(proof.text == "" for proof in field.proofs)


def test_a_gap_says_if_the_tier_does_not_ask_for_the_text(tmp_path: Path) -> None:
    texts = {**documents(), "goldenpath.toml": b'tier = "low"\n'}
    made = of(bundle_of(make_release(tmp_path, texts, run_of(texts))))

    def note(number: str) -> str:
        return " ".join(proof.note for proof in made.field(number).proofs)

    assert "does not ask for it" in note("5.1")
    assert "does not ask for it" in note("4.1")
    assert "does not ask for it" not in note("1.1")


def test_an_old_text_is_stale_and_an_own_approval_is_contradicted(bundle: EvidenceBundle) -> None:
    card = bundle.file("card.md") or b""
    old = with_files(bundle, {"card.md": card.replace(b"2027-01-01", b"2026-11-01")})
    own = with_files(bundle, {"card.md": card.replace(b"model-validator", b"data-scientist")})

    assert of(old).field("1.3").status == "STALE"
    assert of(own).field("1.3").status == "CONTRADICTED"


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_a_name_in_a_text_is_told_apart_from_a_signature(
    bundle: EvidenceBundle, decision: str
) -> None:
    def note(made: EvidenceBundle) -> str:
        return " ".join(proof.note for proof in of(made).field("1.3").proofs)

    statement = Statement((bundle.digest,), APPROVAL, {"decision": decision})
    given = SignedStatement(statement, "model-validator", Digest.of(b"given"), "person")
    statements = (*bundle.verified.statements, given)
    signed = replace(bundle, verified=replace(bundle.verified, statements=statements))

    assert re.search(
        r"approved by model-validator on 20[0-9-]+ \(no signature shows it\)", note(bundle)
    )
    assert ("signed an approval of this release" in note(signed)) is (decision == "approve")


def test_thresholds_that_came_after_the_run_are_contradicted(tmp_path: Path) -> None:
    run = replace(run_of(documents()), thresholds_committed_at="2026-11-22T11:00:01Z")

    field = of(rebuilt(tmp_path, run)).field("2.25")

    assert field.status == "CONTRADICTED"
    assert "after the run began" in field.contradictions[0]


def test_other_thresholds_than_the_evaluated_ones_are_contradicted(tmp_path: Path) -> None:
    run = replace(run_of(documents()), thresholds_digest=Digest.of(b"others").text)

    assert of(rebuilt(tmp_path, run)).field("2.25").status == "CONTRADICTED"


def test_data_beyond_what_the_contract_allows_are_contradicted(tmp_path: Path) -> None:
    run = run_of(documents())
    minors = (ColumnSummary("age", "int64", 0, 56, 17.0, 79.0, 35.5),)
    changed = replace(run, datasets=(replace(run.datasets[0], columns=minors),))

    field = of(rebuilt(tmp_path, changed)).field("2.14")

    assert field.status == "CONTRADICTED"
    assert "17" in field.contradictions[0]


def test_a_declared_age_is_held_against_the_data(tmp_path: Path) -> None:
    texts = documents()
    texts["compliance/system.yaml"] += b"minimum_age: 25\n"
    bundle = bundle_of(make_release(tmp_path, texts, run_of(texts)))

    assert of(bundle).field("11.3").status == "CONTRADICTED"


@pytest.mark.parametrize(
    ("file", "old", "new", "number"),
    [
        ("card.md", "## Limits and misuse", "AUC 0.99.\n\n## Limits and misuse", "1.3"),
        ("card.md", "## Limits and misuse\n", "## Limits and misuse\n\nPython 3.6.\n", "3.1"),
        ("roles.yaml", "operations: platform-engineer", "operations: a certified team", "10.6"),
        ("goldenpath.toml", '"high"', '"low"', "1.5"),
    ],
)
def test_a_claim_against_what_is_signed_is_named_on_page_one(
    tmp_path: Path, file: str, old: str, new: str, number: str
) -> None:
    texts = {**documents(), "goldenpath.toml": b'tier = "high"\n'}
    (path,) = (each for each in texts if each.endswith(file))
    assert old.encode() in texts[path]
    card = "card.md"  # the contract of these tests has no education
    texts[card] = texts[card].replace(b"Age and education are inputs", b"Age is an input")
    honest = of(bundle_of(make_release(tmp_path / "honest", texts, run_of(texts))))
    texts[path] = texts[path].replace(old.encode(), new.encode())

    made = of(bundle_of(make_release(tmp_path / "false", texts, run_of(texts))))

    assert honest.field(number).status != "CONTRADICTED"
    assert made.field(number).status == "CONTRADICTED"
    assert f"- {number} " in render_markdown(made).partition("## 1 ")[0]


def test_a_dirty_tree_is_contradicted(tmp_path: Path) -> None:
    run = run_of(documents())

    field = of(rebuilt(tmp_path, replace(run, source=replace(run.source, dirty=True)))).field(
        "10.7"
    )

    assert field.status == "CONTRADICTED"


def test_an_approver_who_is_the_author_is_contradicted(made: Made) -> None:
    history = (intent(made, approved_by=("platform-engineer", "validator", "manager")),)

    field = of(bundle_of(made, history)).field("0.3")

    assert field.status == "CONTRADICTED"
    assert "author and approver" in field.contradictions[0]


def test_an_approver_of_the_own_code_is_contradicted(tmp_path: Path) -> None:
    run = run_of(documents())
    own = replace(run, source=replace(run.source, author="Validator <validator@bank.example>"))

    field = of(rebuilt(tmp_path, own)).field("2.28")

    assert field.status == "CONTRADICTED"
    assert "the same person" in field.contradictions[0]


def test_an_approval_by_who_wrote_a_part_contradicts_and_is_not_shown_as_one(made: Made) -> None:
    history = (intent(made, approved_by=("manager",), approved_own=("validator",)),)
    bundle = replace(bundle_of(made), history=history)

    messages = [each.message for each in contradictions(bundle)]

    assert "validator approved for prod what they wrote a part of: it does not count" in messages
    assert bundle.approved_own("prod") == {"validator"}
    assert bundle.approved_own("test") == frozenset()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"approved_by": ()}, "live without approval"),
        ({"signer": ""}, "commit not signed"),
    ],
)
def test_a_release_that_ran_without_leave_is_contradicted(
    made: Made, change: dict[str, str | tuple[str, ...]], words: str
) -> None:
    field = of(bundle_of(made, (intent(made, "prod", **change),))).field("10.3")

    assert field.status == "CONTRADICTED"
    assert words in field.contradictions[0]


def test_a_release_that_ran_without_a_commit_is_contradicted(made: Made) -> None:
    field = of(bundle_of(made, ())).field("10.3")

    assert "live without commit" in field.contradictions[0]


def test_another_model_loaded_than_signed_is_contradicted(made: Made) -> None:
    started, ready, stopped = lived(made)
    swapped = Digest.of(b"swapped").text
    other = replace(ready, details={**(ready.details or {}), "loaded": swapped})

    field = of(bundle_of(made, None, (started, other, stopped))).field("10.3")

    assert swapped in field.contradictions[0]


def test_a_service_that_was_declared_as_not_begun_is_contradicted(bundle: EvidenceBundle) -> None:
    assert of(bundle).field("11.4").status == "CONTRADICTED"


@pytest.mark.parametrize(
    ("declared", "status"),
    [("2026-11-22", "GENERATED"), ("2026-11-23", "CONTRADICTED"), ("20261122", "CONTRADICTED")],
)
def test_a_declared_day_of_first_service_is_compared_with_the_first_server(
    bundle: EvidenceBundle, declared: str, status: str
) -> None:
    system = (bundle.file("system.yaml") or b"").replace(b"not yet", declared.encode())

    assert of(with_files(bundle, {"system.yaml": system})).field("11.4").status == status


def test_a_broken_audit_log_is_contradicted(bundle: EvidenceBundle) -> None:
    fault = "the audit log is broken at events-2026-11.jsonl:2: gap of 1"
    damaged = replace(bundle, logs=LogStates(LogState("damaged", (fault,)), LogState("whole")))

    made = of(damaged)

    assert {made.field(number).status for number in ("9.3", "10.1", "10.3", "11.4")} == {
        "CONTRADICTED"
    }
    assert fault in render_markdown(made).partition("## 1 ")[0]


def test_what_goldenpath_wrote_itself_is_never_proven(bundle: EvidenceBundle) -> None:
    made = of(bundle)

    for control in current_map().fields:
        if "generator" in control.needs:
            assert made.field(control.number).status != "PROVEN", control.number
    assert made.field("0.4").status == "GENERATED"


def _with(bundle: EvidenceBundle, kind: str, **changes: JsonValue) -> EvidenceBundle:
    """The bundle with other members in each statement of a kind."""

    def changed(signed: SignedStatement) -> SignedStatement:
        if signed.statement.predicate_type != kind:
            return signed
        predicate = {**signed.statement.predicate, **changes}
        return replace(signed, statement=replace(signed.statement, predicate=predicate))

    statements = tuple(map(changed, bundle.verified.statements))
    return replace(bundle, verified=replace(bundle.verified, statements=statements))


def _member(bundle: EvidenceBundle, kind: str, name: str) -> JsonValue:
    return bundle.of_type(kind)[0].statement.predicate[name]


def _leakage(passed: bool) -> dict[str, JsonValue]:
    return {"name": "no leakage", "passed": passed, "detail": "0 keys in both", "seconds": 0.0}


@pytest.mark.parametrize(
    ("number", "need", "kind", "member", "value"),
    [
        ("0.3", "gaps-seen", APPROVAL, "seen", {"evidence": []}),
        ("2.28", "signed-reports", APPROVAL, "seen", {"evidence": ["sha256:0"]}),
        ("2.10", "component-graph", SBOM, "dependencies", []),
        ("2.24", "metrics-of-groups", METRICS, "metrics", []),
        ("2.25", "threshold-order", METRICS, "thresholds_committed_at", ""),
        ("2.25", "threshold-order", METRICS, "thresholds_committed_at", "2026-11-22T11:00:00Z"),
        ("2.22", "test-data", METRICS, "rows_digest", ""),
        ("2.22", "disjointness", TEST_RESULT, "checks", []),
        ("2.22", "disjointness", TEST_RESULT, "checks", [_leakage(False)]),
    ],
)
def test_a_statement_that_says_nothing_of_the_field_proves_nothing_of_it(
    bundle: EvidenceBundle, number: str, need: str, kind: str, member: str, value: JsonValue
) -> None:
    whole = bundle
    if need == "test-data":  # the made run has no rows attached, and was not checked for leakage
        whole = _with(bundle, METRICS, rows_digest=Digest.of(b"rows").text)
    if need == "disjointness":
        whole = _with(bundle, TEST_RESULT, checks=[_leakage(True)])

    def status(of_bundle: EvidenceBundle) -> str:
        proofs = of(of_bundle).field(number).proofs
        return next(each.status for each in proofs if each.need == need)

    assert status(whole) == "PROVEN"
    poorer = _with(whole, kind, **{member: value})
    assert status(poorer) == "MISSING"
    assert of(poorer).field(number).status in ("MISSING", "CONTRADICTED")


def test_data_without_a_time_column_have_no_proven_window(bundle: EvidenceBundle) -> None:
    listed = _member(bundle, DATASET, "datasets")
    assert isinstance(listed, list) and isinstance(listed[0], dict)
    data = listed[0]
    assert of(bundle).field("2.13").status == "PROVEN"

    untimed = _with(bundle, DATASET, datasets=[{**data, "first": "", "last": ""}])

    assert of(untimed).field("2.13").status == "MISSING"


def test_what_no_statement_says_yet_is_looked_up_and_missing(bundle: EvidenceBundle) -> None:
    for number in ("1.10", "2.12", "2.22", "2.27"):
        assert of(bundle).field(number).status == "MISSING", number
    assert of(bundle).field("1.9").status == "GENERATED"


def test_the_report_says_from_when_duties_apply(bundle: EvidenceBundle) -> None:
    shown = "\n".join(of(bundle).field("11.6").shown)

    assert "| 2027-12-02 | no |" in shown and "2026/1744" in shown
    assert "| 2026-11-20 | yes |" in shown and "2023/2225" in shown
    assert "C-203/22" in " ".join(of(bundle).field("11.8").law)


def test_what_is_attached_is_looked_up(bundle: EvidenceBundle) -> None:
    """A statement of somebody else, a scan, labels, a monitor: each is seen once it is there."""
    assert of(bundle).field("1.7").status == "MISSING"
    one = bundle.verified.statements[0]

    def with_type(kind: str) -> EvidenceBundle:
        more = replace(one, statement=replace(one.statement, predicate_type=kind))
        statements = (*bundle.verified.statements, more)
        return replace(bundle, verified=replace(bundle.verified, statements=statements))

    assert of(with_type(f"{OURS}peers/v1")).field("1.7").status == "PROVEN"
    scanned = {p.need: p.status for p in of(with_type(SCAN)).field("2.29").proofs}
    assert scanned["scan"] == "PROVEN"
    time = "2026-11-23T11:00:00.000000Z"
    labels = Event(time, "labels.added", "clerk", "prod", "credit")
    with_labels = of(replace(bundle, events=(*bundle.events, labels)))
    assert with_labels.field("9.4").status == "OBSERVED"
    monitored = {p.need: p.status for p in of(bundle).field("9.2").proofs}
    assert monitored["monitor-events"] == "MISSING"
    assert of(replace(bundle, monitored=("prod",))).field("9.2").status == "OBSERVED"


def test_only_overrides_with_a_signature_that_counts_are_observed(bundle: EvidenceBundle) -> None:
    assert of(bundle).field("3.5").status == "MISSING" and of(bundle).field("3.5").shown == ()
    good = RecordedOverride(
        "2026-11-22T13:30:00.000000Z", "prod", "credit", "answer-1", "credit officer",
        "salary slip", "officer",
    )  # fmt: skip
    unlisted = replace(good, fault="platform.toml lists no officer with the signing key")
    altered = replace(good, fault="the event says something else", is_altered=True)

    field = of(replace(bundle, overrides=(good, unlisted))).field("3.5")
    assert field.status == "OBSERVED" and "answer-1" in " ".join(field.shown)
    assert "1 records of answers that people overrode, signed by officer" in field.proofs[0].note
    assert "1 do not count: platform.toml lists no officer" in field.proofs[0].note
    assert of(replace(bundle, overrides=(unlisted,))).field("3.5").status == "MISSING"
    assert of(replace(bundle, overrides=(good, altered))).field("3.5").status == "CONTRADICTED"
    lost = LogStates(LogState("gone", ("it is gone",)), LogState("whole"))
    assert of(replace(bundle, logs=lost)).field("3.5").status == "CONTRADICTED"


ADVISORY = NotedAdvisory(
    "advisory-1", "prod", "high", "flawed==1.2 falls under CVE-2026-7", "2026-11-22T13:00:00Z",
    "credit-risk team", "2026-12-22T13:00:00Z", is_overdue=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("time", "status"),
    [
        ("", "MISSING"),
        ("2026-11-16T11:59:59.000000Z", "MISSING"),
        ("2026-11-16T12:00:00.000000Z", "OBSERVED"),
        ("2026-11-23T11:00:00.000000Z", "OBSERVED"),
        ("yesterday", "MISSING"),
    ],
)
def test_advisories_are_observed_only_after_a_comparison_within_a_week(
    bundle: EvidenceBundle, time: str, status: str
) -> None:
    scans = (Event(time, "advisory.scanned", "system"),) if time else ()
    noted = replace(bundle, events=(*bundle.events, *scans), advisories=(ADVISORY,))

    field = of(noted).field("9.6")

    assert field.status == status
    assert "credit-risk team" in " ".join(field.shown), "what is open is shown either way"
    lost = LogStates(LogState("damaged", ("line 3 was altered",)), LogState("whole"))
    assert of(replace(noted, logs=lost)).field("9.6").status == "CONTRADICTED"


def test_what_was_never_compared_with_advisories_is_no_good_news(bundle: EvidenceBundle) -> None:
    field = of(bundle).field("9.6")

    assert field.status == "MISSING" and "never compared" in field.proofs[0].note


def test_the_looks_at_the_data_are_counted_with_their_bound(bundle: EvidenceBundle) -> None:
    assert of(bundle).field("2.32").status == "MISSING", "nobody counted"
    moment = datetime.fromisoformat(bundle.as_of)
    counted = replace(bundle, looks=LookLedger(moment, (), ("a registry does not answer",)))

    field = of(counted).field("2.32")

    (data, *_) = counted.data_looks
    assert field.status == "GENERATED" and len(data.looks) == 1, "its own look"
    assert f"{data.adaptive_bound:.4f}" in field.proofs[0].note
    assert "a registry does not answer" in " ".join(field.shown)
    assert of(without(counted, METRICS)).field("2.32").status == "MISSING"
    assert counted.root != bundle.root


def test_every_table_stands_once_in_markdown(bundle: EvidenceBundle) -> None:
    lines = render_markdown(of(bundle)).splitlines()
    tables, table = list[str](), list[str]()
    for line in (*lines, ""):
        if line.startswith("| "):
            table.append(line)
        elif table:
            tables.append("\n".join(table))
            table = []

    assert len(tables) > 15
    assert [each for each, count in Counter(tables).items() if count > 1] == []
    assert "The facts stand under " in "\n".join(lines)


def test_the_release_before_is_compared_if_there_was_one(bundle: EvidenceBundle) -> None:
    assert of(bundle).field("6.2").status == "NOT APPLICABLE"

    after = of(replace(bundle, predecessor=bundle.verified)).field("6.2")

    assert after.status == "PROVEN" and "roc_auc" in " ".join(after.shown)
    nothing = replace(bundle.verified, statements=())
    assert of(replace(bundle, predecessor=nothing)).field("6.2").status == "MISSING"


def test_requests_without_a_record_are_a_gap(bundle: EvidenceBundle) -> None:
    log = bundle.predictions
    assert log is not None and of(bundle).field("11.2").status == "OBSERVED"

    lossy = of(replace(bundle, predictions=replace(log, lost=5000)))

    assert lossy.field("11.2").status == "MISSING"
    assert "- 11.2 " in render_markdown(lossy).partition("## 1 ")[0]


def test_a_statement_that_is_cited_and_gone_is_contradicted(bundle: EvidenceBundle) -> None:
    approval = bundle.of_type(APPROVAL)[0].envelope
    lost = LostStatement(approval, (APPROVAL,), "the decision")

    made = of(replace(bundle, lost=(lost,)))

    assert [made.field(number).status for number in ("0.3", "2.28")] == ["CONTRADICTED"] * 2
    assert approval.text in render_markdown(made).partition("## 1 ")[0]


def test_every_field_that_needs_a_log_falls_with_it(bundle: EvidenceBundle) -> None:
    lost = LogState("gone", ("it is gone",))
    made = of(replace(bundle, logs=LogStates(lost, lost)))

    for control in current_map().fields:
        if set(control.needs) & {"events", "alarms", "incidents", "predictions", "outcomes"}:
            assert made.field(control.number).status == "CONTRADICTED", control.number


def test_a_release_that_never_ran_says_so(made: Made) -> None:
    empty: tuple[Event, ...] = ()
    fresh = of(bundle_of(made, (), empty))

    assert fresh.field("10.3").status == "NOT YET OBSERVABLE"
    assert fresh.field("11.4").status == "GENERATED"


def test_a_release_that_does_not_verify_proves_nothing_of_its_files(bundle: EvidenceBundle) -> None:
    failed = tuple(replace(f, status="fail") for f in bundle.verified.findings)
    broken = replace(bundle, verified=replace(bundle.verified, findings=failed))

    assert of(broken).field("2.8").status == "MISSING"
    assert of(broken).field("2.29").status == "CONTRADICTED"


def test_groups_with_too_few_rows_are_not_inferable(bundle: EvidenceBundle) -> None:
    shown = " ".join(of(bundle).field("2.24").shown)

    assert "| sex=2 | roc_auc | not inferable | too few rows | 12 |" in shown


def test_words_of_people_cannot_forge_a_heading(made: Made) -> None:
    forged = (intent(made, reason="## 9 All is well | <b>fine</b>"),)
    text = render_markdown(of(bundle_of(made, forged)))

    assert "\n## 9 All is well" not in text
    assert "<b>" not in text


class CountedEvents(tuple[Event, ...]):
    """Events that count how often one of them is read."""

    reads = 0

    def __iter__(self) -> Iterator[Event]:
        for event in super().__iter__():
            self.reads += 1
            yield event


def reads_of_events(made: Made, commits: int) -> float:
    """How often each event is read to compare the servers of many commits with git."""
    ready = lived(made)[1]
    times = [f"2026-11-22T{13 + n // 60:02}:{n % 60:02}:05.000000Z" for n in range(commits)]
    events = CountedEvents(
        replace(ready, time=time, commit=f"{number:040d}") for number, time in enumerate(times)
    )
    bundle = replace(bundle_of(made), events=events)
    assert not [each for each in contradictions(bundle) if "10.3" in each.fields]
    return events.reads / commits


def test_servers_of_many_commits_are_compared_in_few_readings_of_the_events(made: Made) -> None:
    assert reads_of_events(made, 10) == reads_of_events(made, 40) < 20
