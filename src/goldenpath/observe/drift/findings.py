"""The findings of the drift monitor. It opens each once; a person closes it with a reason."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from goldenpath.canonical import canonical_json
from goldenpath.drift.verdict import DriftVerdict
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.files import write_whole
from goldenpath.observe.log.segment import checked_name
from goldenpath.parsers.typed import read_typed

VERSION = 1


@dataclass(frozen=True, slots=True)
class DriftFinding:
    """One drift alarm. Times are RFC 3339 in UTC."""

    id: str
    stage: str
    model: str
    release: str
    opened_at: str
    since: str
    """Estimated onset: arrival of the row from which the evidence is largest."""
    features: tuple[str, ...]
    new_values: tuple[str, ...]
    """Values of these features that the reference does not have, as `feature: value`."""
    sentence: str
    rows: int
    """The number of rows up to the alarm."""
    psi: float
    """PSI of the first feature since the onset."""
    state: Literal["open", "closed"] = "open"
    closed_at: str = ""
    closed_by: str = ""
    reason: str = ""
    version: int = VERSION


def drift_finding(
    stage: str, model: str, release: str, verdict: DriftVerdict, *, now: datetime
) -> DriftFinding:
    """Return the finding for a verdict that is an alarm."""
    drifting = [column for column in verdict.columns if column.is_drifting]
    first = drifting[0]
    return DriftFinding(
        id=f"drift-{now:%Y%m%dT%H%M%S}-{release.removeprefix('sha256:')[:8]}-{stage}",
        stage=stage,
        model=model,
        release=release,
        opened_at=f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
        since=first.since,
        features=tuple(column.name for column in drifting),
        new_values=tuple(f"{c.name}: {value}" for c in drifting for value in c.new_values),
        sentence=verdict.sentence,
        rows=verdict.rows,
        psi=first.psi.value if first.psi else 0.0,
    )


def save(folder: Path, finding: DriftFinding) -> None:
    """Write the finding, whole or not at all."""
    write_whole(folder / f"{checked_name(finding.id)}.json", canonical_json(asdict(finding)))


def load(folder: Path, name: str) -> DriftFinding:
    """Return one finding. Raises `NotFound`, or `InvalidInput` if the file is malformed."""
    path = folder / f"{checked_name(name)}.json"
    try:
        finding = read_typed(path, DriftFinding)
    except FileNotFoundError as error:
        raise NotFound(f"there is no finding {name}") from error
    if finding.version != VERSION:
        raise InvalidInput(f"finding {name} has version {finding.version}: expected {VERSION}")
    return finding


def findings(folder: Path) -> Iterator[DriftFinding]:
    """Return every finding, the oldest first."""
    for path in sorted(folder.glob("*.json")):
        yield load(folder, path.stem)


def close(folder: Path, name: str, who: str, reason: str, *, now: datetime) -> DriftFinding:
    """Close a finding. Raises `InvalidInput` if it is closed already or has no reason."""
    finding = load(folder, name)
    if finding.state == "closed":
        raise InvalidInput(f"finding {name} was closed by {finding.closed_by} already")
    if not reason.strip():
        raise InvalidInput(f"finding {name} is closed with a reason only")
    moment = f"{now:%Y-%m-%dT%H:%M:%S.%fZ}"
    closed = replace(finding, state="closed", closed_at=moment, closed_by=who, reason=reason)
    save(folder, closed)
    return closed
