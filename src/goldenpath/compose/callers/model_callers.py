"""Verbs that ask a model: `send` and `score` by the gateway of this machine, or by a server.

In a cluster there is no gateway of ours, so `score` asks the service of a release by its address.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from goldenpath.compose.inventory_watch import desired
from goldenpath.compose.listeners import gateway_address
from goldenpath.compose.stores import store_of
from goldenpath.compose.up_client import status
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, NotFound, Unavailable, did_you_mean
from goldenpath.home import Home
from goldenpath.http.client import ServerAddress, post_all
from goldenpath.project.contract import parse_contract
from goldenpath.project.spec import Contract
from goldenpath.promote.manifests.deployment_files import Survey
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.artifact.pack import CONTRACT
from goldenpath.release.artifact.unpack import open_release
from goldenpath.serve.send_rows import SendOptions, Sent, send_rows
from goldenpath.serve.table.batch_scoring import Scored, ScoreOptions, score_table
from goldenpath.settings import ObjectStore


def send(home: Home, stage: str, model: str, wish: SendOptions) -> Sent:
    """Send rows of a table to a model through the gateway of this machine."""
    followed, survey = desired(home)
    gateway = _gateway(home)
    served = declared_model(survey, f"{stage}/{model}")
    contract = _contract(home, followed.platform, served.slots[0].digest)
    return send_rows(gateway, _gateway_path(served), contract, wish, seed=secrets.randbits(64))


def score(
    home: Home,
    stage: str,
    model: str,
    wish: ScoreOptions,
    *,
    server: str,
    concurrency: int,
    report: Callable[[str], None],
) -> Scored:
    """Score a table by a model, through the gateway of this machine or by the address of a server.

    Raises `InvalidInput` if a release is named that is not the only one with traffic; of a server
    it only has to be one of them, since each answer says which release gave it.
    """
    followed, survey = desired(home)
    address = _server(server) if server else _gateway(home)
    served = declared_model(survey, f"{stage}/{model}")
    release = declared_release(served, wish.release)
    if wish.release and len(served.slots) > 1 and not server:
        listed = ", ".join(slot.digest.text for slot in served.slots)
        raise InvalidInput(
            f"{served.name} declares {listed}: expected only {wish.release}",
            hint=f"goldenpath promote {wish.release} --stage {stage}, or leave out --release",
        )
    path = _gateway_path(served)
    if server:
        path = f"{urlsplit(server).path.rstrip('/')}/v2/models/{model}/infer"
    ask = partial(post_all, address, path, concurrency=concurrency)
    wish = replace(wish, bucket=ObjectStore.of(os.environ))
    contract = _contract(home, followed.platform, release)
    return score_table(served.name, contract, wish, ask, report=report)


def declared_model(survey: Survey, name: str) -> Deployment:
    """Return what git declares for `STAGE/MODEL`. Raises `NotFound` if it is nothing."""
    deployment = next((each for each in survey.deployments if each.name == name), None)
    if deployment is None:
        known = [each.name for each in survey.deployments]
        raise NotFound(
            f"{name} is not declared: expected one of {', '.join(known) or 'nothing'}",
            hint=did_you_mean(name, known),
        )
    return deployment


def declared_release(deployment: Deployment, release: str) -> Digest:
    """Return the digest of a release with traffic, the stable one for an empty name.

    Raises `InvalidInput` if it has no traffic.
    """
    declared = {slot.digest.text: slot.digest for slot in deployment.slots}
    if release and release not in declared:
        raise InvalidInput(
            f"{deployment.name} declares {', '.join(declared)}: expected {release} among them",
            hint=f"goldenpath promote {release} --stage {deployment.stage}, or leave out --release",
        )
    return declared.get(release, deployment.slots[0].digest)


def _contract(home: Home, platform: Platform, release: Digest) -> Contract:
    return parse_contract(open_release(store_of(home, platform), release).files[CONTRACT])


def _gateway(home: Home) -> ServerAddress:
    """Return the address of the gateway of this machine. Raises `Unavailable` if there is none."""
    running, is_alive = status(home)
    if not is_alive:
        raise Unavailable("the gateway does not run here", hint="start it with goldenpath up")
    if not running.gateway:
        raise Unavailable(
            "the gateway is not ready yet", hint="goldenpath status says what keeps it"
        )
    return gateway_address(running.gateway, running.scheme, os.environ)


def _gateway_path(deployment: Deployment) -> str:
    return f"/{deployment.name}/v2/models/{deployment.model}/infer"


def _server(url: str) -> ServerAddress:
    """Return the address of a server. Raises `InvalidInput` for what is no address of one."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        parts, port = urlsplit(""), None
    if port is None or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise InvalidInput(f"--server is {url!r}: expected http://HOST[:PORT] or https://…")
    address = gateway_address(f"{parts.hostname}:{port}", parts.scheme, os.environ)
    return replace(address, cure="check the address; the server of a release that left is gone")
