"""Manifests by which a model or code would come in another way than as a signed image."""

import json
from functools import cache, partial
from pathlib import Path

from goldenpath.attacks.holders.deployment_step import MODEL, STAGE, RightsAttack, sealed_platform
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.deployment_files import service_path, survey

WAYS_IN = "fields of a manifest"
_FILE = Path(__file__).with_name("ways_in.json")


def way_in_attacks() -> tuple[RightsAttack, ...]:
    """Return an attack for each way in. Without the control a file is taken as it is."""
    ways = json.loads(_FILE.read_text("utf-8"))["ways"]
    return tuple(
        RightsAttack(
            f"{way['what']} ({way['id']})", WAYS_IN, partial(_refusal, render_yaml(way["manifest"]))
        )
        for way in ways
    )


def _refusal(manifest: bytes, without: frozenset[str]) -> str:
    return "" if WAYS_IN in without else _problem(manifest)


@cache
def _problem(manifest: bytes) -> str:
    """Return why a follower does not run what a manifest declares; empty if it does."""
    path = service_path(STAGE, MODEL)
    try:
        found = survey({path: manifest}, sealed_platform())
    except InvalidInput as error:
        return error.message
    return "" if found.deployments else found.problems.get(f"{STAGE}/{MODEL}", "")
