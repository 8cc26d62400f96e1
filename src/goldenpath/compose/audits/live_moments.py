"""What was live on this machine's platform at a moment, and what releases fix."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from goldenpath.audit.answers.checked_logs import check_logs
from goldenpath.audit.answers.predictions import answers_at
from goldenpath.audit.events.log_state import LogStates
from goldenpath.audit.timeline.intent_index import open_intents
from goldenpath.audit.timeline.live import live_at
from goldenpath.audit.timeline.live_model import LiveModel
from goldenpath.audit.timeline.signed_approvals import SignedApprovals
from goldenpath.canonical import canonical_json
from goldenpath.compose.gitops_access import (
    gitops,
    platform_store,
    sighting,
    signed_statements,
    trusted,
)
from goldenpath.compose.process_context import now
from goldenpath.compose.up_client import is_up
from goldenpath.compose.witness import held
from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.project.statements import THRESHOLDS
from goldenpath.promote.workspace.release_reader import read_parts


@dataclass(frozen=True, slots=True)
class LiveMoment:
    """The live models of a moment, and what they were read from."""

    models: tuple[LiveModel, ...]
    logs: LogStates
    recorded: frozenset[tuple[str, str]]
    """Stages and models that the history names."""


def live_moments(
    home: Home, *moments: datetime, stage: str | None = None, model: str | None = None
) -> tuple[LiveMoment, ...]:
    """Return what was live at each moment, of one stage or model or of all.

    Git and both logs are read and checked once for all of them.
    """
    known, repository = trusted(home), gitops(home)
    history = open_intents(home.timeline, repository, known.commit, sighting(home), model=model)
    logs = check_logs(home, held(home, known.platform), model=model)
    alive = now() if is_up(home) else None
    approve = SignedApprovals(repository, signed_statements(home, known.platform))
    recorded = frozenset(history.places())

    def at(moment: datetime) -> LiveMoment:
        answers = answers_at(home, moment)
        models = live_at(
            history,
            logs.events,
            moment,
            answers.by_release if answers else None,
            alive=alive,
            approve=approve,
            logs=logs.states,
            spans=answers.spans if answers else None,
        )
        used = answers.by_process if answers else {}
        chosen = tuple(
            replace(live, uses=used.get((live.stage, live.model)))
            for live in models
            if stage in (None, live.stage) and model in (None, live.model)
        )
        return LiveMoment(chosen, logs.states, recorded)

    return tuple(map(at, moments))


def terms_reader(home: Home) -> Callable[[str], Mapping[str, str]]:
    """Return what reads the policy, the monitors and the thresholds of a release."""
    known: dict[str, Mapping[str, str]] = {}

    def read(digest: str) -> Mapping[str, str]:
        if digest not in known:
            known[digest] = _terms(home, Digest(digest))
        return known[digest]

    return read


def _terms(home: Home, digest: Digest) -> Mapping[str, str]:
    try:
        parts = read_parts(platform_store(home), digest)
    except GoldenPathError as error:
        unread = f"could not be found out: {error.message}"
        return dict.fromkeys(("policy", "monitors", "thresholds"), unread)
    contract, thresholds = parts.contract, parts.documents.get(THRESHOLDS)
    return {
        "policy": _plain(contract.decision),
        "monitors": _plain(contract.monitor),
        "thresholds": "none in the release" if thresholds is None else Digest.of(thresholds).text,
    }


def _plain(value: object) -> str:
    return canonical_json(msgspec.to_builtins(value)).decode()
