"""A canary that refuses its callers: judged by the CronJob, and rolled back by a commit.

What the server refuses and what the Gateway refuses is counted where each counts it.
"""

import json
import re
import subprocess
from dataclasses import replace

from tests.quick_project import commit

from cluster.walk.following import await_synced
from cluster.walk.jobs import run_on_schedule
from cluster.walk.judged_canary import STAGE, give_keys, scrape
from cluster.walk.load import ask_many
from cluster.walk.record import WalkFailed, WalkRecord, await_value
from cluster.walk.road import MODEL
from cluster.walk.serving_pods import BODY
from cluster.walk.stages import Scene
from cluster.walk.traffic import await_split
from goldenpath import instruments as names
from goldenpath.observe.telemetry.exposition import metric_name

ANSWERS, STRAY = 2_000, 25
_PLAN = "--canary 50,100 --judge auto --criterion requests=500 --criterion harm=0.2"
_COMMIT = re.compile(r"\bcommit ([0-9a-f]{40})\b")
_LIMIT = re.compile(r'(name = "limit"\n(?:[a-z]+ = .*\n)*?maximum = )10_000_000')
_NARROW = r"\g<1>40_000"


def build_harmful(scene: Scene) -> str:
    """Build a release whose contract takes no limit of 50,000, as every caller has it."""
    project = scene.road.folder / MODEL
    file = project / "goldenpath.toml"
    before = file.read_text("utf-8")
    narrow, count = _LIMIT.subn(_NARROW, before)
    if count != 1:
        raise WalkFailed(f"{file} has {count} limits of ten million, expected one")
    file.write_text(narrow, "utf-8")
    try:
        return scene.road.build(9)
    finally:
        file.write_text(before, "utf-8")
        commit(project)


def roll_back_harmful(scene: Scene, record: WalkRecord, stable: str, harmful: str) -> None:
    """Start the canary, let it refuse, and let the CronJob of the stage judge it."""
    give_keys(scene)
    scene.road.enter(harmful, STAGE, _PLAN)
    await_synced(scene, STAGE)
    scrape(scene)
    _refuse(scene, record, harmful)
    printed = run_on_schedule(scene, STAGE, "judge")
    made = (_COMMIT.findall(printed) or [""])[-1]
    author = scene.road.author(made) if made else ""
    claim = "the judge rolls back a canary that refuses half of the callers, by a signed commit"
    record.require(author == "rollout" and "roll" in printed, claim, printed)
    seconds = await_synced(scene, STAGE)
    await_split(scene.address(STAGE), stable, 100)
    record.note("and every answer comes from the release before", f"{seconds:.0f} s")


def _refuse(scene: Scene, record: WalkRecord, release: str) -> None:
    """Send requests, and compare what callers, Prometheus and the Gateway count as refused."""
    address = scene.address(STAGE)
    served, gateway = _refusals(scene, release), _gateway_refusals(scene)
    answers = ask_many(address, BODY, ANSWERS)
    strays = ask_many(replace(address, host=f"nobody.{address.host}"), BODY, STRAY)
    refused, unrouted = sum(answers.lost.values()), sum(strays.lost.values())
    counted = await_value(
        lambda: f"{_refusals(scene, release) - served:.0f}",
        lambda text: int(text) >= refused,
        60,
        "refusals are counted",
    )
    counts = (refused, int(counted), _gateway_refusals(scene) - gateway - unrouted)
    claim = "refusals of the server: callers, Prometheus and the Gateway count the same"
    record.require(len(set(counts)) == 1 and refused > 0, claim, f"{counts} of {ANSWERS}")
    claim = f"refusals of the Gateway itself: {STRAY} of a host that nobody serves"
    record.require(unrouted == STRAY, claim, strays)


def _refusals(scene: Scene, release: str) -> float:
    series = f"{metric_name(names.REFUSALS, '{request}')}_total"
    digest, stage = (each.replace(".", "_") for each in (names.MANIFEST_DIGEST, names.ENVIRONMENT))
    return scene.stack.prometheus.ask(f'sum({series}{{{digest}="{release}",{stage}="{STAGE}"}})')


def _gateway_refusals(scene: Scene) -> int:
    """Return how many requests Envoy answered with a status of 400 to 499."""
    place = "http://envoy/stats?format=json&filter=downstream_rq_4xx"
    command = ["curl", "-s", "--unix-socket", str(scene.stack.gateway.admin), place]
    made = subprocess.run(command, capture_output=True, check=True)
    return sum(
        int(each["value"])
        for each in json.loads(made.stdout)["stats"]
        if str(each.get("name", "")).startswith("http.") and ".admin." not in each["name"]
    )
