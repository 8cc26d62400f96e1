"""The findings of the drift monitor: one for each feature and kind of change.

A finding is opened once. It is resolved by the monitor when the values are as in the reference
again, or by a person with a reason. A later change of the same kind opens another finding.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from goldenpath.canonical import MAX_DOCUMENT, JsonValue, canonical_json, parse_object
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.files import write_whole
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import read_bounded, typed
from goldenpath.stored_formats import FINDING
from goldenpath.times import timestamp

FindingKind = Literal[
    "shift",
    "new code",
    "missing",
    "refused",
    "pair",
    "volume",
    "refusals",
    "group",
    "unobserved",
    "advisory",
]
"""`pair`: two features go together otherwise than in the reference. `volume`: far fewer requests
than usual, none, or far more. `refusals`: many requests are refused for one reason, which stands
in the place of the feature. `group`: decisions about a group of persons differ from those about all
others otherwise than before. `unobserved`: the release
cannot be opened, so nothing about it is monitored. `advisory`: a known vulnerability affects a
package of the release."""
ADVISORY: Literal["advisory"] = "advisory"
_NOT_COUNTED = ("unobserved", ADVISORY)
"""Kinds that are no alarm of the statistics."""
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding:
    """One drift alarm about one feature, or the score. Times are RFC 3339 in UTC."""

    id: str
    stage: str
    model: str
    release: str
    feature: str
    """Of a pair its name, as in `income and age`."""
    kind: FindingKind
    opened_at: str
    since: str
    """Estimated onset: arrival of the row from which the evidence is largest."""
    evidence: float
    """Natural logarithm of the e-value at the alarm."""
    threshold: float
    """Natural logarithm of the e-value that raised the alarm."""
    size: float
    """For a shift its PSI in nats, otherwise the share of rows; of the rows since the onset. For an
    advisory its base score."""
    looks: int
    """Number of looks of the monitor up to the alarm."""
    rows: int
    """Number of rows since the onset."""
    sentence: str
    new_values: tuple[str, ...] = ()
    """Values that the reference does not have. For an advisory its identifiers."""
    state: Literal["open", "resolved"] = "open"
    resolved_at: str = ""
    resolved_by: str = ""
    """The person who closed it; `monitor` if the values are as in the reference again; `vex` for a
    signed VEX statement."""
    reason: str = ""
    version: int = FINDING.version


MONITOR = "monitor"
"""Who resolves a finding when the values are as in the reference again."""
VEX_STATEMENT = "vex"
"""Resolves a finding about an advisory while the statement counts."""


class _FindingOfVersion1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A finding as 0.1 wrote it: one for all features that drifted at the alarm."""

    id: str
    stage: str
    model: str
    release: str
    opened_at: str
    since: str
    features: tuple[str, ...]
    new_values: tuple[str, ...]
    sentence: str
    rows: int
    psi: float
    version: Literal[1]
    state: Literal["open", "closed"] = "open"
    closed_at: str = ""
    closed_by: str = ""
    reason: str = ""

    def converted(self) -> DriftFinding:
        """Return it in today's form; evidence, threshold and looks were not stored."""
        return DriftFinding(
            id=self.id,
            stage=self.stage,
            model=self.model,
            release=self.release,
            feature=", ".join(self.features),
            kind="new code" if self.new_values else "shift",
            opened_at=self.opened_at,
            since=self.since,
            evidence=0.0,
            threshold=0.0,
            size=self.psi,
            looks=0,
            rows=self.rows,
            sentence=self.sentence,
            new_values=self.new_values,
            state="open" if self.state == "open" else "resolved",
            resolved_at=self.closed_at,
            resolved_by=self.closed_by,
            reason=self.reason,
        )


def finding_id(
    stage: str, release: str, process: tuple[int, str], looks: int, *, now: datetime
) -> str:
    """Return the name of a finding, which is that of its file.

    `process` is the position of the feature, and the kind of change.
    """
    feature, kind = process
    short = release.removeprefix("sha256:")[:8]
    code = f"{feature}{kind.replace(' ', '')}-{looks}"
    return f"drift-{now:%Y%m%dT%H%M%S}-{short}-{stage}-{code}"


def save(folder: Path, finding: DriftFinding) -> None:
    """Write the finding, whole or not at all."""
    write_whole(folder / f"{checked_name(finding.id)}.json", canonical_json(asdict(finding)))


def load(folder: Path, name: str) -> DriftFinding:
    """Return one finding. Raises `NotFound`, or `InvalidInput` if the file is malformed."""
    path = folder / f"{checked_name(name)}.json"
    try:
        value = parse_object(read_bounded(path, MAX_DOCUMENT), str(path))
    except FileNotFoundError as error:
        raise NotFound(f"there is no finding {name}") from error
    return _parsed(value, path)


def open_finding(folder: Path, name: str) -> DriftFinding | None:
    """Return a finding that is still open; None if it has ended, or there is none of that name."""
    try:
        finding = load(folder, name) if name else None
    except NotFound:
        return None
    return finding if finding is not None and finding.state == "open" else None


def _parsed(value: Mapping[str, JsonValue], path: Path) -> DriftFinding:
    match value.get("version"):
        case 1:
            return typed(value, _FindingOfVersion1, str(path)).converted()
        case 2:
            return typed(value, DriftFinding, str(path))
        case version:
            FINDING.require(version, str(path))
            raise AssertionError(f"version {version} is listed and not read")


def findings(folder: Path) -> Iterator[DriftFinding]:
    """Return every finding, the oldest first."""
    for path in sorted(folder.glob("*.json")):
        yield load(folder, path.stem)


def close(folder: Path, name: str, who: str, reason: str, *, now: datetime) -> DriftFinding:
    """Close a finding. Raises `InvalidInput` if it is resolved already or has no reason."""
    finding = load(folder, name)
    if finding.state == "resolved":
        raise InvalidInput(f"finding {name} was resolved by {finding.resolved_by} already")
    if not reason.strip():
        raise InvalidInput(f"finding {name} is closed with a reason only")
    closed = resolved(finding, who, reason, now)
    save(folder, closed)
    return closed


def resolved(finding: DriftFinding, who: str, reason: str, now: datetime) -> DriftFinding:
    """Return the finding as resolved."""
    moment = timestamp(now)
    return replace(finding, state="resolved", resolved_at=moment, resolved_by=who, reason=reason)


def budget_left(
    findings: Iterable[DriftFinding], false_alarms_a_year: float, now: datetime
) -> float:
    """Return the alarm budget of a year without the alarms of the last 365 days.

    `findings` are those of one release. Below 0, more alarms came than are false on average.
    """
    begin = f"{now - YEAR:%Y-%m-%dT%H:%M:%S}"
    spent = sum(each.opened_at >= begin for each in findings if each.kind not in _NOT_COUNTED)
    return false_alarms_a_year - spent
