"""Every known way in for a model or code is refused by the follower of one machine."""

import json
from pathlib import Path

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.manifests.deployment_files import survey
from tests.promote.example import platform

FILE = Path(__file__).parents[2] / "data" / "ways_in.json"
PATH = "envs/prod/credit-default/inferenceservice.yaml"


def ways() -> list[dict[str, JsonValue]]:
    listed = json.loads(FILE.read_text())["ways"]
    assert isinstance(listed, list)
    return listed


@pytest.mark.parametrize("way", ways(), ids=lambda way: str(way["id"]))
def test_the_follower_runs_nothing_that_came_another_way(way: dict[str, JsonValue]) -> None:
    manifest = way["manifest"]
    assert isinstance(manifest, dict)

    found = survey({PATH: render_yaml(manifest)}, platform())

    assert found.deployments == ()
    assert found.problems["prod/credit-default"]


def test_the_signed_image_alone_is_the_way_in() -> None:
    """The manifests above are refused for their way in, and not for something else."""
    good = json.loads(FILE.read_text())["ways"][0]["manifest"]
    digest = "sha256:" + "1" * 64
    good["spec"]["predictor"]["model"]["storageUri"] = (
        f"oci+native://registry.example/models/credit-default@{digest}"
    )

    found = survey({PATH: render_yaml(good)}, platform())

    assert found.problems == {}
    assert [slot.digest.text for slot in found.deployments[0].slots] == [digest]


def test_each_way_has_a_name_of_its_own() -> None:
    names = [way["id"] for way in ways()]

    assert len(set(map(str, names))) == len(names) >= 60
