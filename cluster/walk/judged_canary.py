"""The judge as a job in the cluster: it reads Prometheus, and commits what Argo CD follows."""

import json

from cluster.controllers import prometheus
from cluster.objects import apply
from cluster.walk.following import await_synced
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
_SECONDS = 180.0
_PLACE = ("-n", namespace_of(STAGE))


def judge_canary(scene: Scene, record: WalkRecord, canary: str) -> None:
    """Start a canary, let it answer, and run the CronJob of the stage once."""
    _give_keys(scene)
    _scrape(scene)
    scene.road.enter(canary, STAGE, _PLAN)
    await_synced(scene, STAGE)
    _scrape(scene)
    address = scene.address(STAGE)
    await_split(address, canary, 50)
    answers = ask_many(address, BODY, ANSWERS)
    least = answers.by_release[canary]
    counted = await_value(
        lambda: f"{_counted(scene, canary):.0f}", lambda text: int(text) >= least, 60, "counted"
    )
    record.note("Prometheus counts the answers of the canary", counted)
    before = scene.road.head()
    printed = _run_job(scene)
    commit = scene.road.head()
    claim = "a job of the judge's CronJob commits the next step, signed by the machine `rollout`"
    author = scene.road.author(commit)
    record.require(before != commit and author == "rollout", claim, printed)
    seconds = await_synced(scene, STAGE)
    await_split(address, canary, 100)
    claim = "and Argo CD follows it: every answer comes from the release that was a canary"
    record.note(claim, f"{seconds:.0f} s")
    # Simulated pods of a later step answer nobody.
    scene.stack.daemons.end_one(prometheus.NAME)


def _give_keys(scene: Scene) -> None:
    """Bring the secrets that External Secrets would: the key that signs, and the deploy key."""
    server = scene.stack.git_server
    secrets = {
        "rollout-key": {"key": (scene.road.home / "keys" / "rollout").read_text("ascii")},
        "git-key": {"key": server.deploy_key.read_text("ascii"), "known_hosts": server.known_hosts},
    }
    apply(
        scene.stack.plane,
        [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace_of(STAGE)},
                "stringData": dict(values),
            }
            for name, values in secrets.items()
        ],
    )


def _scrape(scene: Scene) -> None:
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


def _run_job(scene: Scene) -> str:
    """Make a job from the CronJob, which is suspended, and return what it printed."""
    scene.kubectl(*_PLACE, "create", "job", "judge-now", "--from=cronjob/judge")
    shown = "jsonpath={.status.conditions[*].type}"

    def state() -> str:
        ended = scene.kubectl(*_PLACE, "get", "job", "judge-now", "-o", shown)
        if ended:
            return ended
        pods = scene.kubectl(*_PLACE, "get", "pods", "-l", "app=judge", "-o", "json")
        return f"-{json.dumps([each['status'] for each in json.loads(pods)['items']])}"

    ended = await_value(state, lambda text: not text.startswith("-"), _SECONDS, "the job ends")
    printed = scene.kubectl(*_PLACE, "logs", "job/judge-now").strip()
    return f"{ended}: {' '.join(printed.split())}"[-1500:]
