"""The jobs of a stage: their secrets, one run by hand, and runs on their schedule."""

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import yaml

from cluster.objects import apply
from cluster.walk.bootstrap import OVERLAY, own_file
from cluster.walk.record import await_value
from cluster.walk.stages import Scene, namespace_of, refresh

_SECONDS = 180.0
_PLATFORM = "platform"
_numbers = itertools.count()


def write_secrets(scene: Scene, stage: str, secrets: Mapping[str, Mapping[str, str]]) -> None:
    """Bring the secrets that External Secrets would: a key that signs, a deploy key."""
    apply(
        scene.stack.plane,
        [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": namespace_of(stage)},
                "stringData": dict(values),
            }
            for name, values in secrets.items()
        ],
    )


def run_job(scene: Scene, stage: str, cron: str) -> str:
    """Make a job from a CronJob that is suspended, and return how it ended and what it printed."""
    name = f"{cron}-now-{next(_numbers)}"
    scene.kubectl("-n", namespace_of(stage), "create", "job", name, f"--from=cronjob/{cron}")
    return ended_job(scene, stage, name)


def run_on_schedule(scene: Scene, stage: str, cron: str) -> str:
    """Let a CronJob run by a commit, and return how its first job ended and what it printed."""
    place = ("-n", namespace_of(stage))
    shown = "jsonpath={range .items[*]}{.metadata.name} {end}"
    with _scheduled(scene, stage, cron):
        first = await_value(
            lambda: " ".join(
                name
                for name in scene.kubectl(*place, "get", "jobs", "-o", shown).split()
                if name.removeprefix(f"{cron}-").isdigit()
            ),
            bool,
            _SECONDS,
            f"the first job of {cron}",
        ).split()[0]
        return f"{first} {ended_job(scene, stage, first)}"


@contextmanager
def _scheduled(scene: Scene, stage: str, cron: str) -> Iterator[None]:
    """Let a CronJob run, as its owner does: by a commit that Argo CD follows."""
    before = scene.road.blob(OVERLAY).decode()
    overlay = yaml.safe_load(before)
    target = {"kind": "CronJob", "name": cron, "namespace": namespace_of(stage)}
    wake = [{"op": "replace", "path": "/spec/suspend", "value": False}]
    overlay["patches"] = [
        *overlay.get("patches", ()),
        {"target": target, "patch": yaml.safe_dump(wake)},
    ]
    _commit(scene, stage, cron, yaml.safe_dump(overlay), "false")
    try:
        yield
    finally:
        _commit(scene, stage, cron, before, "true")


def _commit(scene: Scene, stage: str, cron: str, overlay: str, suspended: str) -> None:
    own_file(scene, OVERLAY, overlay)
    refresh(scene, _PLATFORM)
    shown = ("-n", namespace_of(stage), "get", "cronjob", cron, "-o", "jsonpath={.spec.suspend}")
    await_value(
        lambda: scene.kubectl(*shown),
        lambda text: text == suspended,
        _SECONDS,
        f"suspend: {suspended}",
    )


def ended_job(scene: Scene, stage: str, job: str) -> str:
    """Wait until a job has ended, and return how, and what it printed."""
    place = ("-n", namespace_of(stage))
    shown = "jsonpath={.status.conditions[*].type}"

    def state() -> str:
        ended = scene.kubectl(*place, "get", "job", job, "-o", shown)
        if ended:
            return ended
        pods = scene.kubectl(*place, "get", "pods", "-l", f"job-name={job}", "-o", "json")
        return f"-{json.dumps([each['status'] for each in json.loads(pods)['items']])}"

    ended = await_value(state, lambda text: not text.startswith("-"), _SECONDS, f"{job} ends")
    printed = scene.kubectl(*place, "logs", f"job/{job}").strip()
    return f"{ended}: {' '.join(printed.split())}"[-1500:]
