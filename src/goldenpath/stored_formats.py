"""Every format that goldenpath stores, with its version: the one list of them.

A reader asks its format whether it knows a version, so a file that a newer goldenpath wrote is
refused with a cure and never half understood. A new version is added here first; the versions that
exist in homes and repositories of banks stay readable.

Formats of others, such as OCI, in-toto, CycloneDX, Parquet and OTLP, have versions of their own.
"""

from dataclasses import dataclass

from goldenpath.errors import InvalidInput

CURE = "a newer goldenpath wrote it: use that version here, or go back to a backup"


@dataclass(frozen=True, slots=True)
class StoredFormat:
    """One format: `version` is written, and every one from `oldest` on is read."""

    name: str
    place: str
    """Where it is stored."""
    version: int
    oldest: int = 1
    changes: str = ""
    """What each later version added."""

    @property
    def versions(self) -> range:
        """The versions that are read."""
        return range(self.oldest, self.version + 1)

    def refuse_newer(self, version: object, subject: str) -> None:
        """Raise `InvalidInput` for a later version; what else is wrong, the reader finds."""
        if isinstance(version, int) and not isinstance(version, bool) and version > self.version:
            self.require(version, subject)

    def faults(self, version: object, subject: str) -> tuple[str, ...]:
        """Return what is wrong with a version, for a list of faults. Raises like `refuse_newer`."""
        self.refuse_newer(version, subject)
        return () if version in self.versions else (f"version: expected {self.version}",)

    def require(self, version: object, subject: str) -> None:
        """Raise `InvalidInput` unless `version` is one that is read."""
        if isinstance(version, int) and not isinstance(version, bool) and version in self.versions:
            return
        is_newer = isinstance(version, int) and version > self.version
        expected = f"at most {self.version}" if len(self.versions) > 1 else str(self.version)
        raise InvalidInput(
            f"{subject} has version {version!r}: expected {expected}",
            hint=CURE if is_newer else f"the goldenpath that wrote it reads {self.name}",
        )


PROJECT = StoredFormat("the declaration", "`goldenpath.toml` of a project", 1)
CONTRACT = StoredFormat("the contract", "`contract.json` in a release", 1)
RUNTIME = StoredFormat("the runtime", "`runtime.json` in a release that is code", 1)
PROFILE = StoredFormat(
    "the reference profile", "`profile.json` in a release", 2,
    changes="2: how rows depend on each other, and seasons, for each column",
)  # fmt: skip
PLATFORM = StoredFormat("the platform", "`platform.toml` in the gitops repository", 1)
PLACEMENT = StoredFormat("the placement", "`envs/STAGE/MODEL/release.yaml` in the repository", 1)
BASE_PINS = StoredFormat("the pins of a base image", "a file that `goldenpath image pin` wrote", 1)
TRUST = StoredFormat("the trusted commits", "`trust.json` in the home", 1)
EVENT = StoredFormat("the audit log", "`events/` in the home", 1)
SPOOL = StoredFormat(
    "the spool", "`spool/` in the home", 3, changes="2: the context of a request; 3: turns"
)
RECORD = StoredFormat(
    "prediction records", "Parquet in `predictions/`", 4, oldest=2,
    changes="3: the columns after `reasons`; 4: `class` and `probabilities`",
)  # fmt: skip
CHECKPOINT_FILE = StoredFormat(
    "checkpoints", "beside the records in `predictions/`", 3,
    changes="2: how the writer ended; 3: the tree over the records",
)  # fmt: skip
PACKED_FILE = StoredFormat(
    "packed segments", "`predictions/`, many segments in one file", 2, changes="2: a signature"
)
EXPIRY_FILE = StoredFormat("statements that records expired", "beside the checkpoints", 1)
HOLD = StoredFormat("legal holds", "`holds/` in the home", 1)
ERASURE = StoredFormat("certificates of erasure", "`erasures/` in the home", 1)
LABELS = StoredFormat("labels", "Parquet in `labels/` in the home", 1)
WATCH = StoredFormat(
    "counts of the drift monitor", "`drift/` in the home", 2, changes="2: evidence for each column"
)
FINDING = StoredFormat(
    "findings", "`findings/` in the home", 2, changes="2: kinds, and what was seen before"
)
STATUS = StoredFormat("the status of `goldenpath up`", "`run/status.json` in the home", 1)

FORMATS = (
    PROJECT, CONTRACT, RUNTIME, PROFILE, PLATFORM, PLACEMENT, BASE_PINS, TRUST, EVENT, SPOOL,
    RECORD, CHECKPOINT_FILE, PACKED_FILE, EXPIRY_FILE, HOLD, ERASURE, LABELS, WATCH, FINDING,
    STATUS,
)  # fmt: skip
"""Every format, in the order of the road."""
