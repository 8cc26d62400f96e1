"""Judges what a cluster lacks or has wrong, and names the cure. Pure: facts in, findings out."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.cluster.cluster_facts import RESOURCES, ClusterFacts, ClusterWish
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.promote.manifests.object_names import namespace_of

OLDEST, VOLUMES_ON = (1, 33), (1, 35)
"""Kubernetes that mounts a part of an image behind a feature gate, and without one."""
CLOCK_SECONDS = 5.0
"""Times of statements and commits are compared with each other; a second is what a day allows."""
_HEALTH = "resource.customizations.health.serving.kserve.io_InferenceService"
_RUNTIME = re.compile(r"(?P<name>[a-z-]+)://v?(?P<major>\d+)\.(?P<minor>\d+)")
_LEAST: Mapping[str, tuple[int, int]] = {"containerd": (2, 0), "cri-o": (1, 31)}
_SUBPATH = (2, 2)
"""The first containerd that is said to mount a part of an image; nobody here has tried it."""
OWN_NAMESPACE = ("goldenpath.example/part", "models")
"""The label by which a namespace of models is the platform's."""
_PROVIDERS = {"serving.kserve.io": "KServe", "argoproj.io": "Argo CD"}


@dataclass(frozen=True, slots=True)
class ClusterFinding:
    """One check of a cluster."""

    check: str
    status: Literal["ok", "wrong", "unknown"]
    message: str
    cure: str = ""


def judge_cluster(facts: ClusterFacts, wish: ClusterWish) -> tuple[ClusterFinding, ...]:
    """Return the finding of every check."""
    return (
        _version(facts),
        *_resources(facts),
        *_kserve(facts),
        _service(facts),
        _image_volumes(facts),
        *_nodes(facts),
        _admission(facts),
        _gateway(facts, wish),
        _health(facts),
        _follower(facts, wish),
        *_namespaces(facts),
        *_runtimes(facts),
        _clock(facts),
    )


def _unknown(check: str, reason: str) -> ClusterFinding:
    cure = "log in with a role that may read it, or ask the owner of the cluster"
    return ClusterFinding(check, "unknown", f"could not find out: {reason}", cure)


def _version(facts: ClusterFacts) -> ClusterFinding:
    check, found = "Kubernetes", _numbers(facts.version)
    if found is None:
        return _unknown(check, facts.version.reason or "the version is no number")
    name = ".".join(map(str, found))
    if found < OLDEST:
        least = ".".join(map(str, OLDEST))
        return ClusterFinding(
            check, "wrong", f"version {name} cannot mount a part of an image", f"upgrade to {least}"
        )
    return ClusterFinding(check, "ok", f"version {name}")


def _numbers(version: ClusterAnswer) -> tuple[int, int] | None:
    digits = [re.match(r"\d+", str(version.value.get(key, ""))) for key in ("major", "minor")]
    if version.state != "found" or None in digits:
        return None
    major, minor = (int(each[0]) for each in digits if each is not None)
    return major, minor


def _resources(facts: ClusterFacts) -> Iterator[ClusterFinding]:
    for group, needed in RESOURCES.items():
        answer = facts.resources[group]
        if answer.state == "unknown":
            yield _unknown(group, answer.reason)
            continue
        served = {str(each.get("name")) for each in entries(answer.value.get("resources"))}
        missing = ", ".join(name for name in needed if name not in served)
        owner = _PROVIDERS.get(group.partition("/")[0], "the Gateway API")
        if missing:
            yield ClusterFinding(group, "wrong", f"lacks {missing}", f"install {owner}")
        else:
            yield ClusterFinding(group, "ok", f"serves {', '.join(needed)}")


def _kserve(facts: ClusterFacts) -> Iterator[ClusterFinding]:
    if facts.kserve.state != "found":
        yield _unknown("KServe's configuration", facts.kserve.reason)
        return
    for check, key, field, expected in (
        ("KServe's gateway mode", "ingress", "enableGatewayApi", True),
        ("KServe's images as models", "storageInitializer", "enableOciModelSupport", True),
    ):
        seen = _setting(facts.kserve, key).get(field)
        place = f"{field} of {key} in ConfigMap kserve/inferenceservice-config"
        if seen == expected:
            yield ClusterFinding(check, "ok", f"{field} is on")
        else:
            yield ClusterFinding(check, "wrong", f"{field} is {seen}", f"set {place} to true")


def _service(facts: ClusterFacts) -> ClusterFinding:
    check, tried = "a service of ours", facts.service
    if tried.state == "unknown":
        if "webhook" in tried.message:
            cure = "see why KServe's controller does not run; until then no change is admitted"
            return ClusterFinding(check, "wrong", tried.message, cure)
        return _unknown(check, tried.message)
    if tried.state == "refused":
        cure = "upgrade KServe, or read the refusal: the files of the platform have this form"
        return ClusterFinding(check, "wrong", tried.message, cure)
    return ClusterFinding(check, "ok", "admitted by KServe's webhook (dry run)")


def _image_volumes(facts: ClusterFacts) -> ClusterFinding:
    check, tried = "image volumes", facts.own_volume
    if tried.state == "admitted":
        return ClusterFinding(check, "ok", "the API server takes them (dry run)")
    if tried.state == "refused" and re.search(
        r"volume type|subPath|image: Forbidden", tried.message
    ):
        cure = "turn the feature gate ImageVolume on, or upgrade to Kubernetes 1.35; until then "
        return ClusterFinding(
            check, "wrong", tried.message, f"{cure}releases have to be fetched by our initializer"
        )
    return _unknown(check, tried.message)


def _nodes(facts: ClusterFacts) -> Iterator[ClusterFinding]:
    check = "container runtime"
    if facts.nodes.state != "found":
        yield _unknown(check, facts.nodes.reason)
        return
    seen = sorted({_runtime(each) for each in entries(facts.nodes.value.get("items"))})
    if not seen:
        yield ClusterFinding(check, "wrong", "the cluster has no node", "add one")
    for runtime in seen:
        yield _judged_runtime(check, runtime)


def _judged_runtime(check: str, runtime: str) -> ClusterFinding:
    match = _RUNTIME.match(runtime)
    if match is None or match["name"] not in _LEAST:
        known = " and ".join(sorted(_LEAST))
        return ClusterFinding(
            check,
            "unknown",
            f"could not find out: nothing is known about {runtime or 'a node without a runtime'}",
            f"find out whether it mounts images as volumes; {known} are known to",
        )
    version, least = (int(match["major"]), int(match["minor"])), _LEAST[match["name"]]
    if version < least:
        cure = f"upgrade to {match['name']} {'.'.join(map(str, least))} or later"
        return ClusterFinding(check, "wrong", f"{runtime} cannot mount images", cure)
    if match["name"] == "containerd" and version < _SUBPATH:
        told = "ignores sub-paths of image volumes; our server reads both places, others do not"
        return ClusterFinding(check, "ok", f"{runtime} {told}")
    return ClusterFinding(check, "ok", runtime)


def _runtime(node: Mapping[str, JsonValue]) -> str:
    information = members(members(node.get("status")).get("nodeInfo"))
    return str(information.get("containerRuntimeVersion", ""))


def _admission(facts: ClusterFacts) -> ClusterFinding:
    """Judge whether a pod may mount an image of anybody. Policies for images see no volumes."""
    check = "admission of image volumes"
    own, foreign = facts.own_volume, facts.foreign_volume
    if foreign.state == "admitted":
        return ClusterFinding(
            check,
            "wrong",
            "a pod may mount any image of any registry as its model",
            "apply policies/builtin of the gitops repository: it refuses pods that mount an image "
            "of another registry; policies for images do not see volumes",
        )
    if foreign.state == "refused" and own.state == "admitted":
        return ClusterFinding(check, "ok", "an image of another registry is refused")
    return _unknown(check, foreign.message or own.message)


def _gateway(facts: ClusterFacts, wish: ClusterWish) -> ClusterFinding:
    check, answer = f"Gateway {wish.gateway}", facts.gateway
    if answer.state == "unknown":
        return _unknown(check, answer.reason)
    if answer.state == "absent":
        return ClusterFinding(
            check, "wrong", "does not exist", "make it, or name yours with --gateway"
        )
    conditions = {
        str(each.get("type")): str(each.get("status"))
        for each in entries(members(answer.value.get("status")).get("conditions"))
    }
    bad = [name for name in ("Accepted", "Programmed") if conditions.get(name) != "True"]
    if bad:
        cure = "see its status; is there a controller for its GatewayClass?"
        return ClusterFinding(check, "wrong", f"is not {' and '.join(bad)}", cure)
    return ClusterFinding(check, "ok", "Accepted and Programmed")


def _health(facts: ClusterFacts) -> ClusterFinding:
    """Judge whether an advisory condition of KServe keeps an application Progressing for ever."""
    check, version = "health in Argo CD", _numbers(facts.version)
    if facts.argocd.state != "found":
        return _unknown(check, facts.argocd.reason)
    if _HEALTH in members(facts.argocd.value.get("data")):
        return ClusterFinding(check, "ok", "InferenceServices have an override of their own")
    mode = _setting(facts.kserve, "storageInitializer").get("ociModelMode")
    if facts.kserve.state != "found" or version is None:
        return _unknown(check, "it depends on KServe's configuration and the version")
    if mode == "native" and version < VOLUMES_ON:
        return ClusterFinding(
            check,
            "wrong",
            "the advisory condition OciImageVolumeCompatible keeps applications Progressing",
            f"set {_HEALTH} in ConfigMap argocd/argocd-cm so that it is left out",
        )
    return ClusterFinding(check, "ok", "no override is needed")


def _follower(facts: ClusterFacts, wish: ClusterWish) -> ClusterFinding:
    check, answer = "ApplicationSet argocd/models", facts.follower
    if answer.state == "unknown":
        return _unknown(check, answer.reason)
    if answer.state == "absent":
        cure = "apply argocd/project.yaml and argocd/applicationset.yaml of the gitops repository"
        return ClusterFinding(check, "wrong", "Argo CD does not follow the platform", cure)
    generators = entries(members(answer.value.get("spec")).get("generators"))
    urls = {str(members(each.get("git")).get("repoURL")) for each in generators}
    if urls != {wish.url}:
        cure = "two platforms in one cluster need an Argo CD and namespaces of their own"
        message = f"follows {', '.join(sorted(urls)) or 'nothing'}, expected {wish.url}"
        return ClusterFinding(check, "wrong", message, cure)
    return ClusterFinding(check, "ok", f"follows {wish.url}")


def _namespaces(facts: ClusterFacts) -> Iterator[ClusterFinding]:
    """Judge whether a namespace by the name of ours was made by somebody else."""
    for stage, answer in facts.namespaces.items():
        check, (label, value) = f"namespace {namespace_of(stage)}", OWN_NAMESPACE
        if answer.state == "unknown":
            yield _unknown(check, answer.reason)
        elif answer.state == "absent":
            yield ClusterFinding(check, "ok", "does not exist yet; Argo CD makes it")
        elif members(members(answer.value.get("metadata")).get("labels")).get(label) != value:
            cure = "ask who made it: they give it up, or label it as ours, or the stage is renamed"
            message = f"is somebody else's: it has no label {label}={value}"
            yield ClusterFinding(check, "wrong", message, cure)
        else:
            yield ClusterFinding(check, "ok", "belongs to the platform")


def _runtimes(facts: ClusterFacts) -> Iterator[ClusterFinding]:
    for stage, answer in facts.runtimes.items():
        check = f"ServingRuntime models-{stage}/goldenpath"
        if answer.state == "unknown":
            yield _unknown(check, answer.reason)
        elif answer.state == "absent":
            cure = "apply it: every service names it, and KServe makes no pod without it"
            yield ClusterFinding(check, "wrong", "does not exist", cure)
        else:
            yield ClusterFinding(check, "ok", "exists")


def _clock(facts: ClusterFacts) -> ClusterFinding:
    check = "clock"
    try:
        theirs = datetime.fromisoformat(facts.own_volume.created)
        before, after = facts.asked
        early, late = (before - theirs).total_seconds(), (theirs - after).total_seconds()
    except (TypeError, ValueError):
        return _unknown(check, facts.own_volume.message or "no object could be tried")
    # Their time has whole seconds, so it may be a second old.
    away = max(early - 1, late, 0.0)
    if away > CLOCK_SECONDS:
        cure = "synchronise the clocks of this machine and of the API server"
        return ClusterFinding(check, "wrong", f"the API server is {away:.0f} s away from us", cure)
    return ClusterFinding(check, "ok", f"within {CLOCK_SECONDS:g} s of the API server")


def _setting(answer: ClusterAnswer, key: str) -> Mapping[str, JsonValue]:
    """Return one JSON text in a ConfigMap; empty for anything else."""
    try:
        return members(json.loads(str(members(answer.value.get("data")).get(key, ""))))
    except (ValueError, RecursionError):
        return {}
