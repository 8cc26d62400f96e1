"""Alarms as alerts of a Prometheus Alertmanager, by `POST /api/v2/alerts`.

An Alertmanager forgets alerts when it restarts and ends those that nobody repeats. So open alarms
are posted again every minute, with an end some days ahead: if this machine dies, its alarms stay.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from goldenpath.audit.alarms.notice import TITLES, Notice, notice_text
from goldenpath.parsers.shown_text import one_line
from goldenpath.promote.platform.alarm_rules import severity
from goldenpath.times import timestamp

PATH = "/api/v2/alerts"
LASTS = timedelta(days=7)
"""How long an open alarm lasts at the receiver after it was posted last."""
_NAMES = {
    "shift": "ModelDrift",
    "new code": "ModelNewCode",
    "missing": "ModelValuesMissing",
    "refused": "ModelRequestsRefused",
    "pair": "ModelFeaturesApart",
    "volume": "ModelRequestRate",
    "refusals": "ModelRefusalRate",
    "group": "ModelGroupOutcomes",
    "unobserved": "ModelNotObserved",
}


def alerts_body(notices: Sequence[Notice], now: datetime) -> bytes:
    """Return the body of one request for these notices."""
    return msgspec.json.encode([_alert(each, now) for each in notices])


def _alert(notice: Notice, now: datetime) -> dict[str, object]:
    end = timestamp(now + LASTS) if notice.state == "open" else notice.ended_at or timestamp(now)
    labels = {
        "alertname": _NAMES.get(notice.kind, "PlatformAlarm"),
        "severity": severity(notice.kind),
        "service_name": notice.model,
        "deployment_environment_name": notice.stage,
        "oci_manifest_digest": notice.release,
        "finding": notice.finding,
        "ml_feature_name": notice.features[0] if notice.features else "",
        "owner": one_line(notice.owner),
    }
    annotations = {
        "summary": f"{notice.where}: {TITLES.get(notice.kind, notice.kind)}",
        "description": notice_text(notice),
        "runbook_url": notice.runbook,
    }
    return {
        # An empty label is the same as none, and must not be sent.
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": notice.opened_at,
        "endsAt": end,
    }
