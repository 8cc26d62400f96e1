"""`diff` and `inspect` under the trust of a platform that is really there."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from goldenpath.cli.main import cli
from tests.promote.road import Road, good_run


@pytest.fixture
def road(tmp_path: Path) -> Road:
    return Road(tmp_path, datetime.now(UTC) - timedelta(minutes=10))


def _run(road: Road, *words: str) -> Result:
    environment = {"GOLDENPATH_HOME": str(road.home.root), "HOME": str(road.folder)}
    return CliRunner().invoke(cli, words, env=environment, catch_exceptions=False)


def test_what_changed_between_two_promoted_releases(road: Road) -> None:
    run = good_run()
    better = replace(run.metrics[0], value=0.92, low=0.91, high=0.93)
    old = road.release(b"one")
    new = road.release(b"two", replace(run, metrics=(better, *run.metrics[1:])))
    road.promote(old, "dev")
    platform = road.trusted().platform
    [dev, *rest] = platform.stages
    road.change_platform(
        replace(platform, stages=(replace(dev, approvals=0, gates=("evidence",)), *rest))
    )
    road.promote(new, "dev")

    text = _run(road, "diff", old.text, new.text).stdout
    shown = json.loads(_run(road, "diff", old.text, new.text, "--output", "json").stdout)

    assert "roc_auc" in text
    assert "0.88 [0.87 to 0.89; 6000 rows] -> 0.92 [0.91 to 0.93; 6000 rows]" in text
    assert "intervals apart" in text
    assert (shown["before_mark"], shown["after_mark"]) == ("verified", "verified")
    changed = {(each["section"], each["path"]) for each in shown["changes"]}
    assert changed >= {
        ("metrics", "roc_auc"),
        ("gitops policy", "dev.stage.gates"),
        ("decisions", "dev.gates.checks"),
        ("files", "models/model.onnx"),
    }
    assert {each["after_mark"] for each in shown["changes"]} == {"verified"}


def test_inspect_lists_every_part_of_a_signed_bill_of_materials(road: Road) -> None:
    digest = road.release()
    signed = json.loads(_run(road, "inspect", "--parts", digest.text, "--output", "json").stdout)
    text = _run(road, "inspect", "--parts", digest.text).stdout
    road.home.trust.unlink()
    (road.home.gitops).rename(road.folder / "elsewhere.git")
    nobody = json.loads(_run(road, "inspect", "--parts", digest.text, "--output", "json").stdout)

    names = [part["name"] for part in signed["parts"]]
    assert names and names == sorted(names, key=str.lower)
    assert signed["unknown"] == []
    assert f"parts      {len(names)}" in text
    assert (nobody["parts"], len(nobody["unknown"])) == ([], 1), "nobody is trusted to sign one"


def test_inspect_says_how_well_each_thing_is_known(road: Road, tmp_path: Path) -> None:
    digest = road.release()
    (tmp_path / "empty").mkdir()

    shown = json.loads(_run(road, "inspect", digest.text, "--output", "json").stdout)
    quick = _run(road, "inspect", digest.text, "--no-files").stdout
    for name in ("gitops.git", "gitops-cache"):
        folder = road.home.root / name
        if folder.exists():
            folder.rename(tmp_path / name)
    strange = json.loads(_run(road, "inspect", digest.text, "--output", "json").stdout)

    marks = {
        said["predicate_type"] or said["artifact_type"]: said["mark"] for said in shown["referrers"]
    }
    assert shown["mark"] == "verified"
    assert marks.pop("application/vnd.cncf.model.manifest.v1+json") == "declared"
    assert set(marks.values()) == {"verified"}
    assert "models/model.onnx" not in quick
    assert strange["mark"] == "observed"
