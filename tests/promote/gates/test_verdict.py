"""The gates give the same findings on a laptop, in CI and at promotion."""

import dataclasses
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from goldenpath.cli import gate
from goldenpath.errors import REFUSED
from goldenpath.promote.platform.expression import Expression
from goldenpath.promote.workspace.stage_changes import promote
from goldenpath.train.training_run import Metric
from tests.promote.road import METRICS, Road, good_run
from tests.verbs import run_verb


@pytest.mark.parametrize("auc", [0.88, 0.84])
def test_laptop_ci_and_promotion_give_the_same_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auc: float
) -> None:
    road = Road(tmp_path, datetime.now(UTC) - timedelta(hours=1))
    own = Expression("enough-rows", ("prod",), "release.rows >= 5000")
    road.change_platform(dataclasses.replace(road.trusted().platform, expressions=(own,)))
    metric = Metric("roc_auc", auc, auc - 0.01, auc + 0.01, 6000)
    digest = road.release(run=dataclasses.replace(good_run(), metrics=(metric, *METRICS[1:])))
    for stage in ("dev", "test"):
        road.promote(digest, stage)
    road.approve(digest, "validator", "risk-manager")
    words = [digest.text, "--stage", "prod", "--output", "json"]

    monkeypatch.setenv("GOLDENPATH_HOME", str(road.home.root))
    laptop = CliRunner().invoke(gate.verb, words)
    # A runner has a clone, a copy of the registry and the pin; no keys and nothing else.
    runner = tmp_path / "runner"
    shutil.copytree(road.home.registry, runner / "registry")
    shutil.copy(road.home.trust, runner)
    theirs = {
        **os.environ, "GOLDENPATH_HOME": str(runner), "GOLDENPATH_GITOPS": str(road.home.gitops),
    }  # fmt: skip
    ci = run_verb(["gate", *words], environment=theirs, folder=tmp_path)
    road.now = datetime.now(UTC)
    done = promote(road.desk("platform-engineer"), digest, "prod", steps=(100,))

    expected = (0, True) if auc == 0.88 else (REFUSED, False)
    assert done.decision is not None
    assert (laptop.exit_code, done.decision.allowed) == expected
    assert (ci.returncode, bool(done.commit)) == expected, ci.stderr
    verdicts = [
        {each["check"]: (each["status"], each["message"]) for each in said["decision"]["findings"]}
        for said in (json.loads(laptop.stdout), json.loads(ci.stdout))
    ]
    verdicts.append({each.check: (each.status, each.message) for each in done.decision.findings})
    soaked = {each.pop("stage-before")[0] for each in verdicts}  # its words hold the time
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert len(soaked) == 1
    assert verdicts[0]["enough-rows"][0] == "pass"
