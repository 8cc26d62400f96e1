"""What a team may do in the cluster: its quota, and its project of Argo CD."""

import json
from functools import partial

from cluster.control_plane import KubectlFailed
from cluster.governed.governed_platform import STAGE
from cluster.objects import KubernetesObject, apply
from cluster.walk.record import WalkRecord, await_value
from cluster.walk.stages import Scene, namespace_of

_HERE = "https://kubernetes.default.svc"


def refuse_beyond(scene: Scene, record: WalkRecord) -> None:
    """Ask for more than the quota has, and for another namespace and another kind."""
    reason = _ask_for(scene, cpu="200")
    record.require("exceeded quota" in reason, "the quota of a stage refuses more", reason[-200:])
    for name, namespace, path in (
        ("elsewhere", "kube-system", f"envs/{STAGE}/credit-default"),
        ("another-kind", namespace_of(STAGE), "cluster/base"),
    ):
        apply(scene.stack.plane, [_application(scene, name, namespace, path)])
        try:
            state = await_value(
                partial(_conditions, scene, name),
                lambda text: "not permitted" in text or "do not match" in text,
                120,
                f"Argo CD judges {name}",
            )
        finally:
            scene.kubectl("-n", "argocd", "delete", "application", name, "--wait=false")
        claim = f"the project of the models refuses an Application for {namespace} of {path}"
        record.note(claim, state[-200:])


def _ask_for(scene: Scene, cpu: str) -> str:
    """Try a serving pod again that asks for more, and return why it is refused; empty if not."""
    place = ("-n", namespace_of(STAGE), "get", "pods", "-l", "component=predictor", "-o", "json")
    pod = json.loads(scene.kubectl(*place))["items"][0]
    kept = {key: pod["metadata"][key] for key in ("namespace", "labels", "annotations")}
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    spec["containers"][0]["resources"]["requests"]["cpu"] = cpu
    larger: KubernetesObject = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "larger", **kept},
        "spec": spec,
    }
    try:
        apply(scene.stack.plane, [larger], "--dry-run=server")
    except KubectlFailed as error:
        return " ".join(str(error).split())
    return ""


def _application(scene: Scene, name: str, namespace: str, path: str) -> KubernetesObject:
    source: KubernetesObject = {
        "repoURL": f"file://{scene.road.gitops}",
        "targetRevision": "verified",
        "path": path,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "models",
            "source": source,
            "destination": {"server": _HERE, "namespace": namespace},
            "syncPolicy": {"automated": {}, "retry": {"limit": 0}},
        },
    }


def _conditions(scene: Scene, name: str) -> str:
    shown = "jsonpath={.status.conditions} {.status.operationState.syncResult.resources}"
    return scene.kubectl("-n", "argocd", "get", "application", name, "-o", shown)
