"""Each record is lost or altered in turn: exactly the sentences that rest on it change.

What rests on what is written down here by hand, and not derived from the code that decides it.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenpath.audit.answers.evidence_gathering import gather
from goldenpath.audit.report.proof import ORDER
from goldenpath.audit.report.report import Report
from goldenpath.errors import Unavailable
from goldenpath.observe.log.segment import checkpoints, table_of
from goldenpath.release.attest.statement import (
    APPROVAL,
    DATASET,
    DECISION,
    METRICS,
    PROVENANCE,
    SBOM,
    SIGNED,
    TEST_RESULT,
)
from tests.audit.answers.test_loss import (
    Change,
    Damaged,
    cite,
    damaged,
    flipped,
    held_heads,
    is_bare,
    lost,
)
from tests.audit.made import LATER
from tests.audit.served import serve_once
from tests.sizes import at_size

Sentences = Mapping[str, frozenset[str]]
"""What the report says, by what it says it about: `need NAME` and `facts NAME`."""


@dataclass(frozen=True, slots=True)
class Resting:
    """What rests on a record: needs of fields, and facts that a function of the map shows."""

    needs: frozenset[str]
    facts: frozenset[str]
    contradiction: str = ""
    """Part of the one contradiction that it makes; its fields stay contradicted, by its loss."""

    @classmethod
    def of(cls, needs: str, facts: str, contradiction: str = "") -> "Resting":
        """Return it from names with spaces between them."""
        return cls(frozenset(needs.split()), frozenset(facts.split()), contradiction)

    @property
    def keys(self) -> set[str]:
        """The sentences that change."""
        return {f"need {each}" for each in self.needs} | {f"facts {each}" for each in self.facts}


VERIFIED = "contract.json uv.lock"
"""Files of the release. They prove something while the release is verified, with all evidence."""
STATEMENTS: Mapping[str, Resting] = {
    SBOM: Resting.of(f"sbom component-graph {VERIFIED}", "environment security statements"),
    DATASET: Resting.of(
        f"dataset data-window {VERIFIED}", "ages columns datasets security statements"
    ),
    SIGNED: Resting.of(f"signature {VERIFIED}", "security statements"),
    TEST_RESULT: Resting.of(f"tests {VERIFIED}", "security statements steps"),
    PROVENANCE: Resting.of(
        f"provenance {VERIFIED}",
        "build compute hardware identity parameters security statements steps verify",
    ),
    METRICS: Resting.of(
        f"metrics metrics-of-groups threshold-order {VERIFIED}",
        "evaluation groups metrics security statements thresholds",
    ),
    APPROVAL: Resting.of(
        "approval gaps-seen signed-reports", "actors approvals changes statements"
    ),
    DECISION: Resting.of("decision", "statements"),
}
"""By predicate type. No other sentence of the report rests on such a statement."""
PREDICTIONS = Resting.of("monitor-events outcomes predictions", "log-state")
EVENTS = "advisories alarms events incidents outcomes oversight-events"
"""What the audit log proves only as a whole; any gap in it takes all of that."""
OF_EVENTS: Mapping[str, Resting] = {
    "platform.started": Resting.of(EVENTS, "log-state"),
    "server.ready": Resting.of(EVENTS, "log-state intervals registration", "a server was observed"),
    "server.stopped": Resting.of(EVENTS, "log-state intervals"),
}


def sentences(report: Report) -> Sentences:
    """Everything that the report says, but for what it derives from that on page one."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for field in report.fields:
        for proof in field.proofs:
            found[f"need {proof.need}"].add(f"{proof.status}: {proof.note}")
        for facts in field.facts:
            found[f"facts {facts.show}"].add(repr(facts.blocks))
    return {key: frozenset(each) for key, each in found.items()}


def changed(before: Sentences, after: Sentences) -> set[str]:
    """What the reports say otherwise."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Damaged]:
    folder = tmp_path_factory.mktemp("sentences")
    served, grounds = serve_once(folder)
    cite(folder, served, grounds)
    yield Damaged(served, grounds, held_heads(served))


@pytest.fixture(scope="module")
def whole(platform: Damaged) -> Report:
    return platform.report()


def require_exactly(
    platform: Damaged, whole: Report, file: Path, content: bytes | None, resting: Resting
) -> Sentences:
    """Fail unless these sentences change with the file, and no other; return what is said then."""
    before = sentences(whole)
    assert resting.keys <= before.keys(), "it mattered: each of them was said"
    with damaged(file, content):
        after = platform.report()
    assert changed(before, sentences(after)) == resting.keys, file.name
    gone = set[str]()
    for old, new in zip(whole.fields, after.fields, strict=True):
        assert ORDER.index(new.status) <= ORDER.index(old.status), (old.number, new.status)
        gone |= set(old.contradictions) - set(new.contradictions)
    expected = [each for each in gone if resting.contradiction and resting.contradiction in each]
    assert sorted(gone) == sorted(expected) and len(gone) == bool(resting.contradiction)
    return sentences(after)


def test_exactly_the_sentences_of_a_lost_statement_change(platform: Damaged, whole: Report) -> None:
    bundle = gather(platform.sources(), platform.served.made.image.digest, LATER)
    blobs = platform.served.home.registry / "blobs" / "sha256"
    known = [each for each in bundle.verified.statements if not is_bare(each.statement.predicate)]
    assert {each.statement.predicate_type for each in known} == STATEMENTS.keys()

    for each in known[:: at_size(3, 1)]:
        digest, file = each.envelope.text, blobs / each.envelope.hex
        resting = STATEMENTS[each.statement.predicate_type]
        naming = {key for key, said in sentences(whole).items() if digest in " ".join(said)}
        assert naming and naming <= resting.keys, "it mattered: sentences name it"

        after = require_exactly(platform, whole, file, None, resting)

        named = {key for key, said in after.items() if digest in " ".join(said)}
        assert named == set(), "and no sentence rests on it any more"
        with damaged(file, flipped(file.read_bytes())), pytest.raises(Unavailable, match=digest):
            platform.report()  # altered, it could say anything: nothing is said without it


@pytest.mark.parametrize("change", [lost, flipped])
def test_exactly_the_sentences_of_the_prediction_log_change(
    platform: Damaged, whole: Report, change: Change
) -> None:
    home = platform.served.home
    files = [home.log_key.with_suffix(".pub")]
    for checkpoint in checkpoints(home.predictions):
        files += [checkpoint, table_of(checkpoint)]

    for file in files:
        require_exactly(platform, whole, file, change(file.read_bytes()), PREDICTIONS)


@pytest.mark.parametrize("change", [lost, flipped])
def test_exactly_the_sentences_of_an_event_change(
    platform: Damaged, whole: Report, change: Change
) -> None:
    (file,) = platform.served.home.events.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    assert {json.loads(line)["event"]["kind"] for line in lines} == OF_EVENTS.keys()

    for number, line in enumerate(lines):
        content = b"".join((*lines[:number], change(line) or b"", *lines[number + 1 :]))
        resting = OF_EVENTS[json.loads(line)["event"]["kind"]]
        require_exactly(platform, whole, file, content, resting)
