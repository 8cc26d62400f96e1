"""Verbs that ask a model through the gateway of this machine: `send` and `score`."""

import os
import secrets
from collections.abc import Callable
from functools import partial

from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.listeners import gateway_address
from goldenpath.compose.stores import store_of
from goldenpath.compose.up_client import status
from goldenpath.errors import InvalidInput, NotFound, Unavailable, did_you_mean
from goldenpath.home import Home
from goldenpath.http.client import ServerAddress, post_all
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.release.artifact.pack import CONTRACT
from goldenpath.release.artifact.unpack import open_release
from goldenpath.serve.send_rows import SendOptions, Sent, send_rows
from goldenpath.serve.table.batch_scoring import Scored, ScoreOptions, score_table


def send(home: Home, stage: str, model: str, wish: SendOptions) -> Sent:
    """Send rows of a table to a model through the gateway of this machine."""
    address, path, contract, _ = _served(home, stage, model)
    return send_rows(address, path, contract, wish, seed=secrets.randbits(64))


def score(
    home: Home,
    stage: str,
    model: str,
    wish: ScoreOptions,
    *,
    release: str,
    concurrency: int,
    report: Callable[[str], None],
) -> Scored:
    """Score a table by a model, through the gateway of this machine.

    Raises `InvalidInput` if `release` is named and is not the only one that the stage declares.
    """
    address, path, contract, declared = _served(home, stage, model)
    if release and declared != (release,):
        raise InvalidInput(
            f"{stage}/{model} declares {', '.join(declared)}: expected only {release}",
            hint=f"goldenpath promote {release} --stage {stage}, or leave out --release",
        )
    ask = partial(post_all, address, path, concurrency=concurrency)
    return score_table(f"{stage}/{model}", contract, wish, ask, report=report)


def _served(
    home: Home, stage: str, model: str
) -> tuple[ServerAddress, str, Contract, tuple[str, ...]]:
    """Return where a model is asked, its contract, and the digests that git declares for it."""
    followed, survey = desired(home)
    running, is_alive = status(home)
    if not is_alive:
        raise Unavailable("the gateway does not run here", hint="start it with goldenpath up")
    if not running.gateway:
        raise Unavailable(
            "the gateway is not ready yet", hint="goldenpath status says what keeps it"
        )
    name = f"{stage}/{model}"
    deployment = next((each for each in survey.deployments if each.name == name), None)
    if deployment is None:
        known = [each.name for each in survey.deployments]
        raise NotFound(
            f"{name} is not declared: expected one of {', '.join(known) or 'nothing'}",
            hint=did_you_mean(name, known),
        )
    release = open_release(store_of(home, followed.platform), deployment.slots[0].digest)
    contract = parse_contract(release.files[CONTRACT])
    path = f"/{stage}/{model}/v2/models/{model}/infer"
    address = gateway_address(running.gateway, running.scheme, os.environ)
    return address, path, contract, tuple(each.digest.text for each in deployment.slots)
