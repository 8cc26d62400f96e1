"""A repository in the form of one service is converted by one commit, which loses nothing."""

from dataclasses import replace

import pytest
import yaml

from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import render_yaml
from goldenpath.promote.acts.conversion import conversion
from goldenpath.promote.manifests.deployment_files import parse_deployments, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name
from goldenpath.promote.manifests.object_names import service_name
from tests.promote.example import ONE, TWO, platform
from tests.promote.manifests.crds import check

BOTH = (Slot(slot_name(ONE), ONE, 90, 2), Slot(slot_name(TWO), TWO, 10, 1))
CANARY = Deployment("prod", "fraud", BOTH, form="single")
PATH = "envs/prod/fraud/inferenceservice.yaml"


def edited() -> dict[str, bytes]:
    """One service with a canary, and what people wrote for both."""
    value = yaml.safe_load(render_deployment(CANARY, platform())[PATH])
    value["metadata"]["labels"] = {"team": "fraud"}
    env = [{"name": "OMP_NUM_THREADS", "value": "2"}]
    canary = value["spec"]["canary"][0]["predictor"]["model"]
    value["spec"]["predictor"]["model"]["env"] = canary["env"] = env
    canary["resources"] = {"limits": {"memory": "1Gi"}}
    return {PATH: render_yaml(value), "envs/prod/fraud/release.yaml": b"x"}


def test_the_same_releases_run_with_the_same_shares_and_settings() -> None:
    files = edited()
    (before,) = parse_deployments(files, platform())

    changes = conversion(platform(), files)

    written = {path: content for path, content in changes.files.items() if content is not None}
    (after,) = parse_deployments(written, platform())
    assert after == replace(before, form="routed")
    assert (changes.converted, changes.left) == (("prod/fraud",), {})
    assert changes.files[PATH] is None
    for content in written.values():
        check(yaml.safe_load(content))
    canary = yaml.safe_load(written[f"envs/prod/fraud/{service_name('fraud', TWO)}.yaml"])
    assert canary["metadata"]["labels"]["team"] == "fraud"
    assert canary["spec"]["predictor"]["model"]["resources"] == {"limits": {"memory": "1Gi"}}
    assert "name" not in canary["spec"]["predictor"]["model"]


def test_what_cannot_be_converted_is_left_with_its_reason() -> None:
    knative = render_deployment(CANARY, platform())[PATH].replace(b"Standard", b"Knative")
    knative = knative.split(b"  canary:")[0]
    long = "m" * 40
    files = {
        **edited(),
        "envs/dev/fraud/inferenceservice.yaml": knative,
        **render_deployment(replace(CANARY, model=long), platform()),
        "envs/test/fraud/inferenceservice.yaml": b"kind: [",
        **render_deployment(replace(CANARY, stage="test", model="new", form="routed"), platform()),
    }

    changes = conversion(platform(), files)

    assert changes.converted == ("prod/fraud",)
    assert "Knative" in changes.left["dev/fraud"]
    assert "at most 32" in changes.left[f"prod/{long}"]
    assert "not valid YAML" in changes.left["test/fraud"]
    assert all(path.startswith("envs/prod/fraud/") for path in changes.files)


def test_a_repository_without_the_old_form_has_nothing_to_convert() -> None:
    files = {**render_deployment(replace(CANARY, form="routed"), platform())}

    with pytest.raises(InvalidInput, match="no deployment can be converted"):
        conversion(platform(), files)
