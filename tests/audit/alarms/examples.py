"""A finding, a notice about it, and the tools of a sender."""

from datetime import UTC, datetime
from pathlib import Path

from goldenpath.audit.alarms.alarm_sender import SendingTools
from goldenpath.audit.alarms.channel_secrets import ChannelSecrets
from goldenpath.audit.alarms.notice import NearbyChange, Notice
from goldenpath.observe.drift.findings import DriftFinding

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RELEASE = "sha256:" + "ab" * 32


def finding(number: int = 1, **other: object) -> DriftFinding:
    """An open finding about a new code."""
    values: dict[str, object] = {
        "id": f"drift-20261122T09300{number}-abababab-prod-0newcode",
        "stage": "prod",
        "model": "credit",
        "release": RELEASE,
        "opened_at": f"2026-11-22T09:30:0{number}.000000Z",
        "since": "2026-11-22T09:00:00.000000Z",
        "feature": "status",
        "kind": "new code",
        "evidence": 12.0,
        "threshold": 9.0,
        "size": 0.12,
        "looks": 12,
        "new_values": ("1",),
        "sentence": "new code in status: 12 % of 1500 rows",
        "rows": 1500,
    }
    return DriftFinding(**{**values, **other})  # type: ignore[arg-type]


def notice(number: int = 1, **other: object) -> Notice:
    """The notice about that finding."""
    values: dict[str, object] = {
        "finding": f"drift-{number}",
        "state": "open",
        "kind": "new code",
        "stage": "prod",
        "model": "credit",
        "release": RELEASE,
        "what": "drift in status (PSI 0.59)",
        "opened_at": "2026-11-22T09:30:00.000000Z",
        "since": "2026-11-22T09:00:00.000000Z",
        "features": ("status",),
        "new_values": ("status: unseen",),
        "effect": "decline 12.3% of 5000 since then, 4.1% of 20000 before",
        "nearby": (NearbyChange("2026-11-22T08:00:00Z", "promoted into prod", "vera", RELEASE),),
        "owner": "risk models",
        "runbook": "https://wiki.bank.example/drift",
    }
    return Notice(**{**values, **other})  # type: ignore[arg-type]


def tools(root: Path, faults: list[tuple[str, str]], moment: list[datetime]) -> SendingTools:
    """Tools whose clock stands where the test puts it."""
    return SendingTools(
        alarms=root / "alarms",
        secrets=ChannelSecrets(root / "keys" / "alarms"),
        environment={},
        ca_file=root / "authority.pem" if (root / "authority.pem").exists() else None,
        report=lambda channel, message: faults.append((channel, message)),
        clock=lambda: moment[0],
    )
