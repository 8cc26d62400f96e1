"""The canary judge without our gateway: it counts from prediction log, Prometheus or both."""

import os
from pathlib import Path

from goldenpath.canary.judge import CountSource, Judgement, judge_once
from goldenpath.canary.sources.prometheus_source import Prometheus
from goldenpath.compose.gitops_access import gitops, trusted
from goldenpath.compose.platform_changes import workspace
from goldenpath.errors import InvalidInput
from goldenpath.home import Home
from goldenpath.oci.store import Store
from goldenpath.promote.acts.scene import stage_of
from goldenpath.promote.manifests.deployment_files import survey
from goldenpath.promote.repository.identity import Identity
from goldenpath.release.attest.keys import keys_from_pem
from goldenpath.settings import (
    CA_VARIABLE,
    LOG_KEYS_VARIABLE,
    PREDICTIONS_VARIABLE,
    PROMETHEUS_TOKEN_VARIABLE,
    PROMETHEUS_VARIABLE,
    SUBJECT_KEYS_VARIABLE,
    ObjectStore,
)


def judged(
    home: Home, acting: Identity, model: str, stage: str, *, dry_run: bool
) -> Judgement | None:
    """Return the verdict on a canary, which is committed; None if there is no canary.

    Raises `Unavailable` if there are no counts."""
    place = workspace(home, acting)
    return judge_once(place, _source(home, place.store), model, stage, dry_run=dry_run)


def canaries(home: Home, stage: str) -> tuple[str, ...]:
    """Return the models that have a canary in the stage. Raises `NotFound` for no stage."""
    known = trusted(home)
    stage_of(known.platform, stage)
    desired = survey(gitops(home).files(known.commit, f"envs/{stage}"), known.platform)
    return tuple(each.model for each in desired.deployments if len(each.slots) > 1)


def _source(home: Home, store: Store) -> CountSource:
    where, address = (
        os.environ.get(name, "") for name in (PREDICTIONS_VARIABLE, PROMETHEUS_VARIABLE)
    )
    if not (where or address):
        raise InvalidInput(
            "no source of counts is known, so there is no verdict: expected "
            f"{PREDICTIONS_VARIABLE}, {PROMETHEUS_VARIABLE} or both",
            hint=f"{PROMETHEUS_VARIABLE}=http://prometheus.monitoring:9090",
        )
    if not where:
        return _prometheus(address)
    log = _log(home, store, where, needs_slices=not address)
    if not address:
        return log
    from goldenpath.canary.sources.joined_source import Joined

    return Joined(log, _prometheus(address))


def _prometheus(address: str) -> Prometheus:
    named, token = os.environ.get(PROMETHEUS_TOKEN_VARIABLE), ""
    if named:
        token = _read(PROMETHEUS_TOKEN_VARIABLE, Path(named)).strip()
    authorities = os.environ.get(CA_VARIABLE)
    return Prometheus(address, token, Path(authorities) if authorities else None)


def _log(home: Home, store: Store, where: str, *, needs_slices: bool) -> CountSource:
    # Arrow is slow to import, and a judge by Prometheus does not need it.
    from goldenpath.canary.sources.log_source import PredictionLogSource
    from goldenpath.observe.log.decrypted_inputs import Inputs
    from goldenpath.observe.log.log_storage import LogStorage
    from goldenpath.observe.log.release_parts import Releases

    named = os.environ.get(LOG_KEYS_VARIABLE) or str(home.log_key.with_suffix(".pub"))
    keys = keys_from_pem(named, _read(LOG_KEYS_VARIABLE, Path(named)).encode())
    folders = os.environ.get(SUBJECT_KEYS_VARIABLE, "")
    inputs = Inputs(tuple(Path(each) for each in folders.split(":"))) if folders else None
    shelf = LogStorage(where, ObjectStore.of(os.environ))
    return PredictionLogSource(
        shelf, keys, Releases(store, _unreadable), inputs, needs_slices=needs_slices
    )


def _unreadable(message: str) -> None:
    raise InvalidInput(message)


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{variable} names a file that cannot be read: {path}") from error
