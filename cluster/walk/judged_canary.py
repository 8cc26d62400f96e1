"""The judge in the cluster: it reads Prometheus, and commits what Argo CD follows."""

import re
import time

from cluster.controllers import prometheus
from cluster.walk.following import await_synced
from cluster.walk.jobs import run_on_schedule, write_secrets
from cluster.walk.load import ask_many
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.serving_pods import BODY
from cluster.walk.stages import Scene, namespace_of
from cluster.walk.traffic import await_split
from goldenpath import instruments as names
from goldenpath.observe.telemetry.exposition import metric_name
from goldenpath.promote.manifests.routed_services import MODEL_LABEL

STAGE = "dev"
ANSWERS = 4_000
_PLAN = "--canary 50,100 --judge auto --criterion requests=500 --criterion harm=0.2"
_COMMIT = re.compile(r"\bcommit ([0-9a-f]{40})\b")
_PLACE = ("-n", namespace_of(STAGE))


def judge_canary(scene: Scene, record: WalkRecord, canary: str) -> None:
    """Start a canary, let it answer, and let the CronJob of the stage run until it has judged."""
    give_keys(scene)
    scrape(scene)
    # A commit's time has whole seconds: what is scraped in that second would not be before it.
    time.sleep(2)
    scene.road.enter(canary, STAGE, _PLAN)
    await_synced(scene, STAGE)
    scrape(scene)
    address = scene.address(STAGE)
    await_split(address, canary, 50)
    answers = ask_many(address, BODY, ANSWERS)
    least = answers.by_release[canary]
    counted = await_value(
        lambda: f"{_counted(scene, canary):.0f}", lambda text: int(text) >= least, 60, "counted"
    )
    record.note("Prometheus counts the answers of the canary", counted)
    printed = run_on_schedule(scene, STAGE, "judge")
    commit = (_COMMIT.findall(printed) or [""])[-1]
    claim = "the judge, on its schedule, commits the next step, signed by the machine `rollout`"
    author = scene.road.author(commit) if commit else ""
    record.require(author == "rollout", claim, printed)
    seconds = await_synced(scene, STAGE)
    await_split(address, canary, 100)
    claim = "and Argo CD follows it: every answer comes from the release that was a canary"
    record.note(claim, f"{seconds:.0f} s")
    # Simulated pods of a later step answer nobody.
    scene.stack.daemons.end_one(prometheus.NAME)


def give_keys(scene: Scene) -> None:
    """Give the jobs of the stage the key that signs, and the deploy key for git."""
    server = scene.stack.git_server
    key = (scene.road.home / "keys" / "rollout").read_text("ascii")
    git = {"key": server.deploy_key.read_text("ascii"), "known_hosts": server.known_hosts}
    write_secrets(scene, STAGE, {"rollout-key": {"key": key}, "git-key": git})


def scrape(scene: Scene) -> None:
    """Let Prometheus read every pod that our PodMonitor chooses, and wait until it has read them.

    The judge believes no counts of a time at which nothing was scraped.
    """
    shown = "jsonpath={.items[*].status.podIP}"
    running = ("-l", MODEL_LABEL, "--field-selector=status.phase=Running")
    pods = scene.kubectl(*_PLACE, "get", "pods", *running, "-o", shown).split()
    prometheus = scene.stack.prometheus
    prometheus.follow(pods)
    await_value(
        lambda: f"{prometheus.ask('sum(up)'):.0f} of {len(pods)}",
        lambda text: text == f"{len(pods)} of {len(pods)}" and bool(pods),
        60,
        "every pod is scraped",
    )


def _counted(scene: Scene, release: str) -> float:
    series = f"{metric_name(names.REQUEST_DURATION, 's')}_bucket"
    label = names.MANIFEST_DIGEST.replace(".", "_")
    stage = names.ENVIRONMENT.replace(".", "_")
    where = f'{label}="{release}",{stage}="{STAGE}",le="+Inf"'
    return scene.stack.prometheus.ask(f"sum({series}{{{where}}})")
