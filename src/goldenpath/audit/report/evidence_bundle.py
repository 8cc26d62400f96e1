"""The evidence bundle: all evidence about one release, gathered once, as one frozen value.

The report and the trace of a prediction are pure functions of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import msgspec

from goldenpath.audit.events.event import Event
from goldenpath.audit.events.log_state import NEVER_BEGUN, LogState, LogStates
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.promote.gates.test_sets.data_looks import LookedAtData, LookLedger
from goldenpath.release.attest.policy import SignedStatement, Verified


@dataclass(frozen=True, slots=True)
class LogSummary:
    """The counts of one release in the prediction log."""

    records: int
    first: str
    last: str
    lost: int
    """The number of requests that were answered without a record, by the server's own count."""


@dataclass(frozen=True, slots=True)
class LostStatement:
    """A statement that another record cites, and that the store does not return undamaged."""

    envelope: Digest
    kinds: tuple[str, ...]
    """The predicate types that it may have."""
    cited_by: str
    """The record that cites it."""

    @property
    def message(self) -> str:
        """One sentence that names the statement."""
        return f"the statement {self.envelope} is gone or damaged: {self.cited_by} cites it"


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Evaluation rows with neighbouring answers: what the model said, and what came."""

    predicted: float
    """Mean answer."""
    observed: float
    """Mean outcome; for a probability the share of outcomes that are 1."""
    low: float | None
    high: float | None
    """A 95 % interval of the outcome; None for too few rows."""
    rows: int


@dataclass(frozen=True, slots=True)
class RecordedOverride:
    """One answer that a person did not follow, by an event of the audit log."""

    time: str
    stage: str
    model: str
    prediction: str
    role: str
    reason: str
    by: str
    fault: str = ""
    """Why it does not count; empty if it does."""
    is_altered: bool = False
    """Whether the event is not what its signer signed, or bears no signature."""


@dataclass(frozen=True, slots=True)
class FindingEnd:
    """The end of a drift finding by an event of the audit log: by the monitor, or by a person."""

    finding: str
    time: str
    by: str
    fault: str = ""
    """Why it does not count; empty if it does."""


@dataclass(frozen=True, slots=True)
class NotedAdvisory:
    """An advisory about a part of the release that nothing but a statement of a person ended."""

    finding: str
    stage: str
    severity: str
    sentence: str
    since: str
    owner: str
    """Who answers for the model, by `platform.toml`; empty if it names nobody."""
    due: str
    """When its time limit ends, by severity and owner."""
    is_overdue: bool
    closed_by: str = ""
    """The VEX statement that closes it now; empty if none does."""
    refused: str = ""
    """Why the VEX statement about it does not count; empty if there is none, or if it does."""

    @property
    def is_open(self) -> bool:
        """Whether no VEX statement closes it."""
        return not self.closed_by


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """The evidence about the release `digest` as of a time."""

    digest: Digest
    model: str
    as_of: str
    """The moment that the question is about, RFC 3339 in UTC."""
    generator: str
    """Name and version of the program that gathered the evidence."""
    verified: Verified
    """The trusted statements, and the findings of the verification."""
    files: Mapping[str, bytes]
    """The small files of the image by path. Their digests are checked."""
    history: tuple[Intent, ...] = ()
    """Every commit that changed the model in any stage, in order."""
    events: tuple[Event, ...] = ()
    """Every event of the model and of the platform, in order."""
    events_head: str = ""
    """Digest of the last line of the audit log."""
    predictions: LogSummary | None = None
    """None if there is no prediction log, or if it cannot be checked; see `logs`."""
    logs: LogStates = NEVER_BEGUN
    """Whether both logs are whole, damaged, gone, or were never begun."""
    lost: tuple[LostStatement, ...] = ()
    """Statements that other records cite and that are not there."""
    predecessor: Verified | None = None
    """What is verified about the release before this one; None if there was none."""
    monitored: tuple[str, ...] = ()
    """The stages in which the drift monitor counts answers of this release."""
    calibration: tuple[CalibrationBin, ...] = ()
    """From the evaluation rows that the signed evaluation names; empty if the store lacks them."""
    overrides: tuple[RecordedOverride, ...] = ()
    """Answers of this release that people overrode, with the check of each signature."""
    ends: tuple[FindingEnd, ...] = ()
    """Ends of drift findings of this release, with the check of each signature."""
    advisories: tuple[NotedAdvisory, ...] = ()
    """Advisories about the release where it is live, and whether a VEX statement closes them."""
    looks: LookLedger | None = None
    """How often data were looked at; None if that was not counted."""

    @property
    def is_signed(self) -> bool:
        """Whether verification passed, so that a signature covers the files of the image."""
        return bool(self.verified.findings) and self.verified.holds

    def of_type(self, predicate_type: str) -> tuple[SignedStatement, ...]:
        """Return the verified statements of one predicate type, sorted by envelope digest."""
        return tuple(sorted(self.verified.of_type(predicate_type), key=lambda s: s.envelope.text))

    def approved_own(self, stage: str) -> frozenset[str]:
        """Return the people who approved for a stage what they wrote a part of."""
        entries = (each for each in self.history if each.stage == stage)
        own = (each for each in entries if any(s.digest == self.digest for s in each.slots))
        return frozenset(name for each in own for name in each.approved_own)

    @property
    def data_looks(self) -> tuple[LookedAtData, ...]:
        """The data of this release, with every look at them."""
        return () if self.looks is None else self.looks.of(self.verified)

    def file(self, name: str) -> bytes | None:
        """Return a file by the end of its path, such as `card.md` or `datasets/clients.md`."""
        names = [path for path in self.files if path == name or path.endswith("/" + name)]
        return self.files[min(names, key=len)] if names else None

    def files_below(self, folder: str) -> Mapping[str, bytes]:
        """Return the files of a folder such as `datasets`, by name."""
        by_name = {}
        for path, content in self.files.items():
            parts = path.split("/")
            if len(parts) > 1 and parts[-2] == folder:
                by_name[parts[-1]] = content
        return dict(sorted(by_name.items()))

    @property
    def root(self) -> Digest:
        """Digest over all evidence. The report names its bundle by this digest."""
        value: dict[str, object] = {
            "digest": self.digest.text,
            "model": self.model,
            "as_of": self.as_of,
            "generator": self.generator,
            "verified": _verified(self.verified),
            "files": {path: Digest.of(content).text for path, content in self.files.items()},
            "commits": [msgspec.to_builtins(each, enc_hook=str) for each in self.history],
            "events": [each.to_json() for each in self.events],
            "events_head": self.events_head,
            "predictions": asdict(self.predictions) if self.predictions else None,
            "logs": [_plain(self.logs.events), _plain(self.logs.predictions)],
            "lost": [msgspec.to_builtins(each, enc_hook=str) for each in self.lost],
            "predecessor": _verified(self.predecessor) if self.predecessor else None,
            "monitored": list(self.monitored),
            "calibration": [asdict(each) for each in self.calibration],
            "overrides": [asdict(each) for each in self.overrides],
            "ends": [asdict(each) for each in self.ends],
            "advisories": [asdict(each) for each in self.advisories],
            "looks": msgspec.to_builtins(self.looks, enc_hook=str),
        }
        return Digest.of(canonical_json(value))


def _verified(verified: Verified) -> object:
    """Return everything that a report can say of it: a signer is no part of what they signed."""
    return {
        "subject": verified.subject.text,
        "statements": sorted(map(_statement, verified.statements), key=canonical_json),
        "findings": [[f.check, f.status, f.message] for f in verified.findings],
        "unread": verified.unread,
    }


def _statement(signed: SignedStatement) -> list[str]:
    statement = signed.statement
    subjects = ",".join(each.text for each in statement.subjects)
    time = "" if statement.signed_at is None else statement.signed_at.isoformat()
    content = Digest.of(canonical_json(dict(statement.predicate))).text
    return [
        signed.envelope.text, statement.predicate_type, signed.signer, signed.kind, subjects, time,
        content,
    ]  # fmt: skip


def _plain(state: LogState) -> list[object]:
    return [state.standing, list(state.faults), state.held]
