"""A page of metrics as the observer of a pod has it: after answers, refusals and an alarm."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenpath.observe.drift.monitor import Monitor
from goldenpath.observe.log.records import Block
from goldenpath.observe.log.release_rules import Facts
from goldenpath.observe.telemetry.monitor_series import FindingCounts
from goldenpath.observe.telemetry.otlp import TelemetryFiles
from goldenpath.observe.telemetry.scraping import MetricsPage
from goldenpath.observe.telemetry.telemetry import Telemetry
from goldenpath.processes.channel_status import ChannelStatus
from goldenpath.serve.gateway.refusals import RefusedRequests
from tests.observe.spooling import CONTRACT, answer, draw, header, profile

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FACTS = Facts(
    replace(
        CONTRACT,
        features=(
            CONTRACT.features[0],
            replace(CONTRACT.features[1], kind="category", categories=(-1.0, 0.0, 2.0)),
        ),
    ),
    profile(),
)
"""Those of the example, with a category, so that there are slices."""


def exporting_telemetry(root: Path, *, bins: bool = True) -> tuple[Telemetry, Monitor]:
    """Telemetry of a home, and the monitor whose verdicts it shows."""
    monitor = Monitor(root / "drift", root / "findings", lambda digest: FACTS)
    telemetry = Telemetry(
        TelemetryFiles(root / "telemetry"),
        None,
        lambda digest: FACTS,
        started=NOW,
        share=0.0,
        bins=bins,
        findings=FindingCounts(root / "findings", pytest.fail),
        channels=lambda: (ChannelStatus("prod.on-call", 2, 1, "no answer"),),
    )
    return telemetry, monitor


@contextmanager
def exporting(root: Path) -> Iterator[MetricsPage]:
    """The page over HTTP."""
    telemetry, monitor = exporting_telemetry(root)
    rows = draw(3000, 1, new_code=0.2)
    answered = [answer(i, rows[i * 100 : i * 100 + 100]) for i in range(30)]
    answered.append(answer(30, rows[:0], status=422, refusal="row 0, column status: expected 1"))
    fresh, raised = monitor.add(Block.of(header(), answered), NOW)
    assert raised
    telemetry.add(fresh)
    telemetry.refused([RefusedRequests("prod/credit", "POST", "http", 503, [1] * 15)])
    telemetry.flush(monitor.verdicts, NOW, finish=True)
    page = MetricsPage("127.0.0.1:0", telemetry.page)
    try:
        yield page
    finally:
        page.close()
