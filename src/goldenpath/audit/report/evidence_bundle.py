"""The bundle: everything that is known about one release, gathered once, as one frozen value.

What is answered about a release (the report, the page of one prediction) is a pure function of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from goldenpath.audit.events.event import Event
from goldenpath.audit.timeline.live import Intent
from goldenpath.canonical import canonical_json
from goldenpath.digest import Digest
from goldenpath.release.attest.policy import SignedStatement, Verified


@dataclass(frozen=True, slots=True)
class LogSummary:
    """The prediction log of one release, counted."""

    records: int
    first: str
    last: str
    lost: int
    """Records that are known to be missing."""
    findings: tuple[str, ...] = ()
    """What its check found wrong."""


@dataclass(frozen=True, slots=True)
class EvidenceBundle:
    """All about the release `digest` as of a time."""

    digest: Digest
    model: str
    as_of: str
    """RFC 3339 in UTC: the moment of the question."""
    generator: str
    """Name and version of the program that gathered."""
    verified: Verified
    """The statements that count, and what verification found of the others."""
    files: Mapping[str, bytes]
    """The small files of the image by their path in it, digests checked."""
    history: tuple[Intent, ...] = ()
    """Every commit about the model in any stage, in order."""
    events: tuple[Event, ...] = ()
    """Every event about the model, and every start and stop of the platform, in order."""
    events_head: str = ""
    """Digest of the last line of the audit log."""
    events_hold: bool = True
    """Whether the chain of the audit log is whole."""
    predictions: LogSummary | None = None
    """None if no prediction log is at hand."""

    @property
    def is_signed(self) -> bool:
        """Whether verification passed: files of the image are bound to a signature then."""
        return bool(self.verified.findings) and self.verified.holds

    def of_type(self, predicate_type: str) -> tuple[SignedStatement, ...]:
        """The verified statements of one predicate type, by envelope."""
        return tuple(sorted(self.verified.of_type(predicate_type), key=lambda s: s.envelope.text))

    def file(self, name: str) -> bytes | None:
        """A file by the end of its path: `contract.json`, `card.md`, `datasets/clients.md`."""
        names = [path for path in self.files if path == name or path.endswith("/" + name)]
        return self.files[min(names, key=len)] if names else None

    def files_below(self, folder: str) -> Mapping[str, bytes]:
        """The files of a folder such as `datasets`, by name."""
        found = {}
        for path, content in self.files.items():
            parts = path.split("/")
            if len(parts) > 1 and parts[-2] == folder:
                found[parts[-1]] = content
        return dict(sorted(found.items()))

    @property
    def root(self) -> Digest:
        """Digest over everything that went in, by which a report names its bundle."""
        value: dict[str, object] = {
            "digest": self.digest.text,
            "as_of": self.as_of,
            "generator": self.generator,
            "statements": sorted(each.envelope.text for each in self.verified.statements),
            "findings": [[f.check, f.status, f.message] for f in self.verified.findings],
            "files": {path: Digest.of(content).text for path, content in self.files.items()},
            "commits": [each.commit for each in self.history],
            "events": [each.to_json() for each in self.events],
            "events_head": self.events_head,
            "predictions": self.predictions.records if self.predictions else None,
        }
        return Digest.of(canonical_json(value))
