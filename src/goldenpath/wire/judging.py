"""The canary judge where no gateway of ours is: its source is a Prometheus."""

import os
from pathlib import Path

from goldenpath.errors import InvalidInput
from goldenpath.gateway.judging import Judgement, judge_once
from goldenpath.gitops.identity import Identity
from goldenpath.observe.prometheus import Prometheus
from goldenpath.settings import (
    CA_VARIABLE,
    PROMETHEUS_TOKEN_VARIABLE,
    PROMETHEUS_VARIABLE,
    Home,
)
from goldenpath.wire.changing import desk


def judged(
    home: Home, acting: Identity, model: str, stage: str, *, dry_run: bool
) -> Judgement | None:
    """The verdict of now, committed; None without a canary. Raises `Unavailable` without counts."""
    return judge_once(desk(home, acting), _source(), model, stage, dry_run=dry_run)


def _source() -> Prometheus:
    address = os.environ.get(PROMETHEUS_VARIABLE, "")
    if not address:
        raise InvalidInput(
            f"no source of counts is known, so there is no verdict: expected {PROMETHEUS_VARIABLE}",
            hint=f"{PROMETHEUS_VARIABLE}=http://prometheus.monitoring:9090",
        )
    named, token = os.environ.get(PROMETHEUS_TOKEN_VARIABLE), ""
    if named:
        try:
            token = Path(named).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{PROMETHEUS_TOKEN_VARIABLE} names no token: {named}") from error
    authorities = os.environ.get(CA_VARIABLE)
    return Prometheus(address, token, Path(authorities) if authorities else None)
