"""What is found wrong with a cluster, what is right, and what nobody knows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.cluster_checks import ClusterFinding, judge_cluster
from goldenpath.deploy.cluster.cluster_facts import RESOURCES, ClusterFacts, ClusterWish
from goldenpath.deploy.cluster.kubectl import ClusterAnswer, TriedObject

URL = "https://git.example/gitops.git"
WISH = ClusterWish(("dev", "prod"), "registry.example/models", URL, "goldenpath/models")
NOW = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
FORBIDDEN = ClusterAnswer("unknown", {}, "Error from server (Forbidden)")
ABSENT = ClusterAnswer("absent", {}, "Error from server (NotFound)")


def found(value: Mapping[str, JsonValue]) -> ClusterAnswer:
    return ClusterAnswer("found", value)


def version(minor: str) -> ClusterAnswer:
    return found({"major": "1", "minor": minor})


def nodes(*runtimes: str) -> ClusterAnswer:
    items: list[JsonValue] = [
        {"status": {"nodeInfo": {"containerRuntimeVersion": each}}} for each in runtimes
    ]
    return found({"items": items})


def settings(*, gateway: bool = True, images: bool = True, mode: str = "modelcar") -> ClusterAnswer:
    storage = {"enableOciModelSupport": images, "ociModelMode": mode}
    ingress = {"enableGatewayApi": gateway}
    data: JsonValue = {"ingress": json.dumps(ingress), "storageInitializer": json.dumps(storage)}
    return found({"data": data})


def served(group: str) -> ClusterAnswer:
    return found({"resources": [{"name": name} for name in RESOURCES[group]]})


def follower(url: str) -> ClusterAnswer:
    return found({"spec": {"generators": [{"git": {"repoURL": url}}]}})


def gateway(**conditions: str) -> ClusterAnswer:
    listed: JsonValue = [{"type": name, "status": each} for name, each in conditions.items()]
    return found({"status": {"conditions": listed}})


OWN = found({"metadata": {"labels": {"goldenpath.example/part": "models"}}})

GOOD = ClusterFacts(
    version=version("36"),
    resources={group: served(group) for group in RESOURCES},
    nodes=nodes("containerd://2.2.0"),
    kserve=settings(),
    argocd=found({"data": {}}),
    follower=follower(URL),
    gateway=gateway(Accepted="True", Programmed="True"),
    namespaces=dict.fromkeys(WISH.stages, OWN),
    runtimes={stage: found({"kind": "ServingRuntime"}) for stage in WISH.stages},
    service=TriedObject("admitted"),
    own_volume=TriedObject("admitted", created="2026-03-02T08:30:00Z"),
    foreign_volume=TriedObject("refused", "denied the request: another registry"),
    asked=(NOW, NOW + timedelta(seconds=1)),
)


def judged(facts: ClusterFacts, check: str) -> ClusterFinding:
    (finding,) = (each for each in judge_cluster(facts, WISH) if each.check == check)
    return finding


def test_a_cluster_that_has_everything_has_no_fault() -> None:
    findings = judge_cluster(GOOD, WISH)

    assert {each.status for each in findings} == {"ok"}
    assert len({each.check for each in findings}) == len(findings)


CASES: tuple[tuple[str, ClusterFacts, str, str], ...] = (
    ("Kubernetes", replace(GOOD, version=version("32")), "wrong", "upgrade to 1.33"),
    ("Kubernetes", replace(GOOD, version=version("33+")), "ok", ""),
    ("Kubernetes", replace(GOOD, version=found({"major": "1"})), "unknown", ""),
    (
        "argoproj.io/v1alpha1",
        replace(GOOD, resources={**GOOD.resources, "argoproj.io/v1alpha1": ABSENT}),
        "wrong",
        "install Argo CD",
    ),
    (
        "serving.kserve.io/v1alpha1",
        replace(
            GOOD,
            resources={
                **GOOD.resources,
                "serving.kserve.io/v1alpha1": found({"resources": [{"name": "servingruntimes"}]}),
            },
        ),
        "wrong",
        "install KServe",
    ),
    ("KServe's gateway mode", replace(GOOD, kserve=settings(gateway=False)), "wrong", "ingress"),
    ("KServe's images as models", replace(GOOD, kserve=settings(images=False)), "wrong", "storage"),
    ("KServe's configuration", replace(GOOD, kserve=ABSENT), "unknown", ""),
    (
        "a service of ours",
        replace(GOOD, service=TriedObject("refused", "denied the request: name is not allowed")),
        "wrong",
        "upgrade KServe",
    ),
    (
        "a service of ours",
        replace(GOOD, service=TriedObject("unknown", "failed calling webhook: connection refused")),
        "wrong",
        "controller does not run",
    ),
    (
        "a service of ours",
        replace(GOOD, service=TriedObject("unknown", "Forbidden")),
        "unknown",
        "",
    ),
    (
        "image volumes",
        replace(GOOD, own_volume=TriedObject("refused", "must specify a volume type")),
        "wrong",
        "ImageVolume",
    ),
    (
        "image volumes",
        replace(GOOD, own_volume=TriedObject("refused", "denied the request: unsigned")),
        "unknown",
        "",
    ),
    ("container runtime", replace(GOOD, nodes=nodes("containerd://1.7.28")), "wrong", "2.0"),
    ("container runtime", replace(GOOD, nodes=nodes("containerd://2.1.9")), "ok", ""),
    ("container runtime", replace(GOOD, nodes=nodes("cri-o://1.30.2")), "wrong", "1.31"),
    ("container runtime", replace(GOOD, nodes=nodes("docker://28.0.0")), "unknown", ""),
    ("container runtime", replace(GOOD, nodes=nodes()), "wrong", "add one"),
    (
        "admission of image volumes",
        replace(GOOD, foreign_volume=TriedObject("admitted")),
        "wrong",
        "policies/builtin",
    ),
    (
        "admission of image volumes",
        replace(GOOD, own_volume=TriedObject("refused", "denied the request: quota")),
        "unknown",
        "",
    ),
    ("Gateway goldenpath/models", replace(GOOD, gateway=ABSENT), "wrong", "--gateway"),
    (
        "Gateway goldenpath/models",
        replace(GOOD, gateway=gateway(Accepted="True")),
        "wrong",
        "GatewayClass",
    ),
    (
        "health in Argo CD",
        replace(GOOD, version=version("34"), kserve=settings(mode="native")),
        "wrong",
        "argocd-cm",
    ),
    ("health in Argo CD", replace(GOOD, kserve=settings(mode="native")), "ok", ""),
    ("ApplicationSet argocd/models", replace(GOOD, follower=ABSENT), "wrong", "apply argocd/"),
    (
        "ApplicationSet argocd/models",
        replace(GOOD, follower=follower("https://git.example/other.git")),
        "wrong",
        "two platforms",
    ),
    ("namespace models-prod", replace(GOOD, namespaces={"prod": ABSENT}), "ok", ""),
    (
        "namespace models-prod",
        replace(GOOD, namespaces={"prod": found({"metadata": {"name": "models-prod"}})}),
        "wrong",
        "who made it",
    ),
    (
        "namespace models-prod",
        replace(
            GOOD,
            namespaces={
                "prod": found({"metadata": {"labels": {"goldenpath.example/part": "platform"}}})
            },
        ),
        "wrong",
        "who made it",
    ),
    (
        "ServingRuntime models-prod/goldenpath",
        replace(GOOD, runtimes={**GOOD.runtimes, "prod": ABSENT}),
        "wrong",
        "apply it",
    ),
    (
        "clock",
        replace(GOOD, asked=(NOW - timedelta(seconds=9), NOW - timedelta(seconds=8))),
        "wrong",
        "synchronise",
    ),
    ("clock", replace(GOOD, own_volume=TriedObject("unknown", "no route")), "unknown", ""),
)


@pytest.mark.parametrize(("check", "facts", "status", "cure"), CASES)
def test_each_fault_has_its_status_and_its_cure(
    check: str, facts: ClusterFacts, status: str, cure: str
) -> None:
    finding = judged(facts, check)

    assert finding.status == status
    assert cure in finding.cure
    assert bool(finding.cure) is (status != "ok")


def test_nothing_that_could_not_be_asked_is_right_or_wrong() -> None:
    unknown = TriedObject("unknown", "the connection was refused")
    nothing = ClusterFacts(
        version=FORBIDDEN,
        resources=dict.fromkeys(RESOURCES, FORBIDDEN),
        nodes=FORBIDDEN,
        kserve=FORBIDDEN,
        argocd=FORBIDDEN,
        follower=FORBIDDEN,
        gateway=FORBIDDEN,
        namespaces=dict.fromkeys(WISH.stages, FORBIDDEN),
        runtimes=dict.fromkeys(WISH.stages, FORBIDDEN),
        service=unknown,
        own_volume=unknown,
        foreign_volume=unknown,
        asked=(NOW, NOW),
    )

    assert {each.status for each in judge_cluster(nothing, WISH)} == {"unknown"}
