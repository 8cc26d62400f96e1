"""What Argo CD follows: a commit of nobody, a forced push, and a push past the follower."""

import time
from collections.abc import Mapping

import yaml

from cluster.governed.governed_platform import FOLLOWER, STAGE
from cluster.walk.record import WalkFailed, WalkRecord
from cluster.walk.road import MODEL
from cluster.walk.stages import Scene, application_of, application_state, namespace_of, refresh
from goldenpath.processes.tool import run_tool

_FILE = f"envs/{STAGE}/{MODEL}/route.yaml"
_SECONDS = 25.0
_NOBODY = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid")


def refuse_commits(scene: Scene, record: WalkRecord) -> None:
    """Rewrite `main` as an intruder of the forge does; nothing of it reaches the cluster."""
    before, weights = scene.road.head(), _weights(scene)
    older = _git(scene, "rev-parse", f"{before}~2")
    for what, commit in (
        ("a commit of nobody on main", _unsigned(scene, before)),
        ("a forced push of main to an older commit", older),
    ):
        _git(scene, "update-ref", "refs/heads/main", commit)
        try:
            seen = _watch(scene)
        finally:
            _git(scene, "update-ref", "refs/heads/main", before)
        unchanged = (seen["branch"], seen["weights"]) == (before, weights)
        claim = f"{what} does not reach the cluster, which follows the branch `verified`"
        record.require(unchanged, claim, seen)
    pushed = _push(scene, _unsigned(scene, before))
    claim = "a commit that is not on main cannot be pushed to the branch `verified`"
    record.require("verified follows main" in pushed, claim, pushed[-200:])


def _watch(scene: Scene) -> Mapping[str, str]:
    """Let Argo CD look again and again, and return what it followed in the end."""
    give_up = time.monotonic() + _SECONDS
    while time.monotonic() < give_up:
        refresh(scene, application_of(STAGE))
        time.sleep(5)
    state = application_state(scene, application_of(STAGE))
    (follower,) = scene.stack.daemons.named(FOLLOWER)
    last = follower.last_words().splitlines()[-1:]
    return {
        "branch": scene.road.head("verified"),
        "weights": _weights(scene),
        "Argo CD": state[:120],
        "reconcile": " ".join(last)[-200:],
    }


def _unsigned(scene: Scene, parent: str) -> str:
    """Make a commit that gives the route to another backend, signed by nobody."""
    route = yaml.safe_load(scene.road.blob(_FILE))
    route["spec"]["rules"][0]["backendRefs"][0]["name"] = "intruder"
    blob = _git(scene, "hash-object", "-w", "--stdin", stdin=yaml.safe_dump(route).encode())
    folder = scene.road.folder / "intruder.index"
    environment = {"GIT_INDEX_FILE": str(folder)}
    _git(scene, "read-tree", parent, environment=environment)
    entry = f"100644,{blob},{_FILE}"
    _git(scene, "update-index", "--add", "--cacheinfo", entry, environment=environment)
    tree = _git(scene, "write-tree", environment=environment)
    return _git(scene, *_NOBODY, "commit-tree", tree, "-p", parent, "-m", "nobody")


def _push(scene: Scene, commit: str) -> str:
    place = str(scene.road.gitops)
    run = run_tool(
        ["git", f"--git-dir={place}", "push", "-f", place, f"{commit}:refs/heads/verified"]
    )
    return run.complaint if run.exit_code else ""


def _weights(scene: Scene) -> str:
    shown = "jsonpath={range .spec.rules[0].backendRefs[*]}{.name}={.weight} {end}"
    place = ("-n", namespace_of(STAGE), "get", "httproute", f"{MODEL}-route")
    return scene.kubectl(*place, "-o", shown)


def _git(
    scene: Scene,
    *arguments: str,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
) -> str:
    command = ["git", f"--git-dir={scene.road.gitops}", *arguments]
    variables = {**scene.road.environment, **(environment or {})}
    run = run_tool(command, stdin=stdin, environment=variables)
    if run.exit_code:
        raise WalkFailed(f"git {arguments[0]}: {run.complaint}")
    return run.text.strip()
