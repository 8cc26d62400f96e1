"""A deployment in git against what the API server of a cluster answers about it."""

from dataclasses import replace

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.cluster_status import StageAnswers, judge_deployment
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name

STABLE, CANARY, BEFORE = (Digest.of(name) for name in (b"stable", b"canary", b"before"))
COMMIT = "c" * 40
DEPLOYMENT = Deployment(
    "prod",
    "credit",
    (Slot(slot_name(STABLE), STABLE, 90), Slot(slot_name(CANARY), CANARY, 10)),
    standby=Slot(slot_name(BEFORE), BEFORE, 0),
)
UNKNOWN = ClusterAnswer("unknown", {}, "you may not")


def service(digest: Digest, *conditions: dict[str, JsonValue], **metadata: str) -> JsonValue:
    ready: dict[str, JsonValue] = {"type": "Ready", "status": "False" if conditions else "True"}
    told: list[JsonValue] = [ready, *conditions]
    return {
        "metadata": {"name": f"credit-{digest.hex[:8]}", **metadata},
        "status": {"conditions": told},
    }


def pod(digest: Digest, **status: JsonValue) -> JsonValue:
    labels: JsonValue = {"serving.kserve.io/inferenceservice": f"credit-{digest.hex[:8]}"}
    return {"metadata": {"name": "pod", "labels": labels}, "status": status}


def route(*weights: tuple[Digest, int]) -> JsonValue:
    backends: list[JsonValue] = [
        {"name": f"credit-{digest.hex[:8]}-predictor", "weight": weight}
        for digest, weight in weights
    ]
    return {"metadata": {"name": "credit-route"}, "spec": {"rules": [{"backendRefs": backends}]}}


def answer(*items: JsonValue) -> ClusterAnswer:
    return ClusterAnswer("found", {"items": list(items)})


def application(**status: JsonValue) -> ClusterAnswer:
    sync: JsonValue = {"status": "Synced", "revision": COMMIT}
    return answer({"metadata": {"name": "prod-credit"}, "status": {"sync": sync, **status}})


GOOD = StageAnswers(
    services=answer(service(STABLE), service(CANARY), service(BEFORE)),
    routes=answer(route((STABLE, 90), (CANARY, 10), (BEFORE, 0))),
    pods=answer(),
)


def without_canary(*conditions: dict[str, JsonValue], **metadata: str) -> ClusterAnswer:
    return answer(service(STABLE), service(CANARY, *conditions, **metadata), service(BEFORE))


NOT_READY: dict[str, JsonValue] = {
    "type": "PredictorReady",
    "status": "False",
    "message": "pods are forbidden: violates PodSecurity",
}


def test_what_git_declares_is_as_declared() -> None:
    judged = judge_deployment(DEPLOYMENT, GOOD, application(), COMMIT)

    assert (judged.state, judged.reasons) == ("as declared", ())
    assert [each.routed for each in judged.releases] == [90, 10, 0]


def test_another_commit_of_another_model_is_no_difference() -> None:
    assert judge_deployment(DEPLOYMENT, GOOD, application(), "d" * 40).state == "as declared"


def waiting(reason: str, message: str) -> JsonValue:
    return {"waiting": {"reason": reason, "message": message}}


@pytest.mark.parametrize(
    ("pods", "reason"),
    [
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]},
            "no node takes its pod: 0/1 nodes",
        ),
        (
            {"containerStatuses": [
                {"name": "server", "image": "x@y", "state": waiting("ErrImagePull", "refused")}
            ]},
            "the node cannot pull x@y: refused",
        ),
        (
            {"initContainerStatuses": [
                {
                    "name": "storage-initializer",
                    "state": waiting("CrashLoopBackOff", "back-off"),
                    "lastState": {"terminated": {"exitCode": 4}},
                }
            ]},
            "storage-initializer ended with 4: it refused the release",
        ),
        (
            {"containerStatuses": [
                {"name": "server", "state": {"terminated": {"exitCode": 9, "reason": "Error"}}}
            ]},
            "server ended with 9: Error",
        ),
        (
            {"containerStatuses": [
                {"name": "server", "state": waiting("CreateContainerConfigError", "no ConfigMap")}
            ]},
            "server waits: no ConfigMap",
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "its pod failed: Evicted"),
        ({"phase": "Pending"}, "not Ready: pods are forbidden: violates PodSecurity"),
    ],
)  # fmt: skip
def test_a_pod_that_does_not_run_says_why(pods: dict[str, JsonValue], reason: str) -> None:
    stage = replace(GOOD, services=without_canary(NOT_READY), pods=answer(pod(CANARY, **pods)))

    judged = judge_deployment(DEPLOYMENT, stage, application(), COMMIT)

    assert judged.state == "differs"
    assert [each.ready for each in judged.releases] == [True, False, True]
    (told,) = judged.reasons
    assert told.startswith(f"{str(CANARY)[:19]}: ")
    assert reason in told


@pytest.mark.parametrize(
    ("stage", "applications", "reason"),
    [
        (replace(GOOD, routes=answer()), application(), "no HTTPRoute credit-route"),
        (replace(GOOD, routes=answer(route())), application(), "the route has no weights"),
        (
            replace(GOOD, services=answer(service(STABLE), service(BEFORE))),
            application(),
            f"no InferenceService credit-{CANARY.hex[:8]} yet",
        ),
        (
            replace(GOOD, services=without_canary(deletionTimestamp="2026-03-02T08:30:00Z")),
            application(),
            "is being removed",
        ),
        (GOOD, answer(), "no Application prod-credit"),
        (
            GOOD,
            application(conditions=[{"type": "ComparisonError", "message": "cannot parse"}]),
            "ComparisonError: cannot parse",
        ),
        (
            GOOD,
            application(
                sync={"status": "OutOfSync"},
                operationState={"phase": "Running", "message": "waiting for healthy state"},
            ),
            "OutOfSync; Running: waiting for healthy state",
        ),
    ],
)
def test_what_is_in_the_way_is_named(
    stage: StageAnswers, applications: ClusterAnswer, reason: str
) -> None:
    judged = judge_deployment(DEPLOYMENT, stage, applications, COMMIT)

    assert judged.state == "differs"
    assert any(reason in told for told in judged.reasons), judged.reasons


def test_other_weights_differ_and_name_the_commit_that_argo_cd_read() -> None:
    stage = replace(GOOD, routes=answer(route((STABLE, 100))))

    judged = judge_deployment(DEPLOYMENT, stage, application(), "d" * 40)

    assert judged.state == "differs"
    assert [each.routed for each in judged.releases] == [100, 0, 0]
    assert "Argo CD has read commit cccccccccccc, the newest is dddddddddddd" in judged.reasons


@pytest.mark.parametrize(
    ("stage", "applications"),
    [
        (replace(GOOD, services=UNKNOWN), application()),
        (replace(GOOD, routes=UNKNOWN), application()),
        (replace(GOOD, pods=UNKNOWN), application()),
        (GOOD, UNKNOWN),
    ],
)
def test_what_could_not_be_asked_is_unknown_and_never_as_declared(
    stage: StageAnswers, applications: ClusterAnswer
) -> None:
    assert judge_deployment(DEPLOYMENT, stage, applications, COMMIT).state == "unknown"


def test_a_stopped_deployment_needs_no_ready_service() -> None:
    stage = replace(GOOD, services=without_canary(NOT_READY))
    stopped = replace(DEPLOYMENT, stopped=True)

    assert judge_deployment(stopped, stage, application(), COMMIT).state == "as declared"


def test_a_deployment_in_one_service_is_not_judged() -> None:
    single = replace(DEPLOYMENT, form="single")

    judged = judge_deployment(single, GOOD, application(), COMMIT)

    assert (judged.state, judged.releases) == ("unknown", ())
    assert "platform convert" in judged.reasons[0]
