"""Whether a cluster serves what git declares, and in plain words why it does not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from goldenpath.canonical import JsonValue
from goldenpath.deploy.cluster.api_fields import entries, members
from goldenpath.deploy.cluster.api_server import ClusterReader
from goldenpath.deploy.cluster.kubectl import ClusterAnswer
from goldenpath.deploy.cluster.pod_reasons import pod_reason
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.manifests.object_names import (
    backend_name,
    namespace_of,
    route_name,
    service_name,
)

_SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/{}/inferenceservices"
_ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes"
_PODS = "/api/v1/namespaces/{}/pods"
_APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
SERVICE_LABEL = "serving.kserve.io/inferenceservice"


@dataclass(frozen=True, slots=True)
class StageAnswers:
    """What the API server answered about one stage: lists of objects."""

    services: ClusterAnswer
    routes: ClusterAnswer
    pods: ClusterAnswer


@dataclass(frozen=True, slots=True)
class ClusterRelease:
    """One release of a deployment in the cluster."""

    digest: str
    declared: int
    """The share of the traffic in git, in percent."""
    routed: int | None
    """Its share in the cluster's route, in percent; none without a route, or if it is not known."""
    ready: bool | None
    """Whether KServe calls its service Ready; none if that could not be found out."""


@dataclass(frozen=True, slots=True)
class ClusterDeployment:
    """One model in one stage: what git declares, what the cluster has, and what is in the way."""

    name: str
    state: str
    """`as declared`, `differs` or `unknown`."""
    releases: tuple[ClusterRelease, ...]
    reasons: tuple[str, ...]


def read_stages(kubectl: ClusterReader, stages: Iterable[str]) -> dict[str, StageAnswers]:
    """Ask for the objects of each stage. Never raises: what could not be asked is an answer too."""
    return {
        stage: StageAnswers(
            *(kubectl.get(path.format(namespace_of(stage))) for path in (_SERVICES, _ROUTES, _PODS))
        )
        for stage in stages
    }


def read_applications(kubectl: ClusterReader) -> ClusterAnswer:
    """Ask for the Applications of Argo CD."""
    return kubectl.get(_APPLICATIONS)


def judge_deployment(
    deployment: Deployment, stage: StageAnswers, applications: ClusterAnswer, commit: str
) -> ClusterDeployment:
    """Compare a deployment with the cluster. `commit` is the newest that is trusted here."""
    if deployment.form == "single":
        cure = (
            "one service has all releases; goldenpath platform convert writes the form of clusters"
        )
        return ClusterDeployment(deployment.name, "unknown", (), (cure,))
    shares, route_reasons = _shares(deployment, stage.routes)
    releases, reasons = [], [*_application(deployment, applications), *route_reasons]
    for slot in deployment.releases:
        service = service_name(deployment.model, slot.digest)
        ready, reason = _readiness(service, stage)
        routed = None if shares is None else shares.get(backend_name(service), 0)
        releases.append(ClusterRelease(str(slot.digest), slot.percent, routed, ready))
        if reason and not deployment.stopped:
            reasons.append(f"{str(slot.digest)[:19]}: {reason}" if ready is False else reason)
    answers = (stage.services, stage.routes, stage.pods, applications)
    is_served = deployment.stopped or all(each.ready for each in releases)
    is_split = all(each.routed == each.declared for each in releases)
    if any(answer.state == "unknown" for answer in answers):
        state, reasons = "unknown", list(dict.fromkeys(reasons))
    elif is_served and is_split and not reasons:
        state = "as declared"
    else:
        state = "differs"
        reasons += _behind(deployment, applications, commit)
    return ClusterDeployment(deployment.name, state, tuple(releases), tuple(reasons))


def _shares(
    deployment: Deployment, routes: ClusterAnswer
) -> tuple[Mapping[str, int] | None, tuple[str, ...]]:
    """Return the weight of each backend of the model's route in percent, and what is wrong."""
    if routes.state == "unknown":
        return None, (f"routes could not be read: {routes.reason}",)
    name = route_name(deployment.model)
    item = next((each for each in entries(routes.value.get("items")) if _name(each) == name), None)
    if item is None:
        return None, (f"the cluster has no HTTPRoute {name}",)
    backends = [
        backend
        for rule in entries(members(item.get("spec")).get("rules"))
        for backend in entries(rule.get("backendRefs"))
    ]
    weights = {str(each.get("name")): _weight(each.get("weight")) for each in backends}
    total = sum(weights.values())
    if not total:
        return {}, ("the route has no weights",)
    return {each: round(100 * weight / total) for each, weight in weights.items()}, ()


def _readiness(service: str, stage: StageAnswers) -> tuple[bool | None, str]:
    """Return whether a service is Ready, and why it is not."""
    if stage.services.state == "unknown":
        return None, f"services could not be read: {stage.services.reason}"
    item = next(
        (each for each in entries(stage.services.value.get("items")) if _name(each) == service),
        None,
    )
    if item is None:
        return False, f"the cluster has no InferenceService {service} yet"
    if members(item.get("metadata")).get("deletionTimestamp"):
        return False, f"InferenceService {service} is being removed; Argo CD makes it again after"
    conditions = {
        str(each.get("type")): each
        for each in entries(members(item.get("status")).get("conditions"))
    }
    ready = conditions.get("Ready", {})
    if ready.get("status") == "True":
        return True, ""
    if stage.pods.state == "unknown":
        return False, f"not Ready; its pods could not be read: {stage.pods.reason}"
    reasons = [
        pod_reason(each)
        for each in entries(stage.pods.value.get("items"))
        if members(members(each.get("metadata")).get("labels")).get(SERVICE_LABEL) == service
    ]
    named = next((reason for reason in reasons if reason), "")
    return False, named or f"not Ready: {_open(conditions)}"


def _open(conditions: Mapping[str, Mapping[str, JsonValue]]) -> str:
    """Return what KServe says about a service that is not Ready, the pods first."""
    for kind in ("PredictorReady", "IngressReady", "Ready"):
        condition = conditions.get(kind, {})
        if condition.get("status") != "True" and (message := condition.get("message")):
            return str(message)
    return "KServe gives no reason yet"


def _application(deployment: Deployment, applications: ClusterAnswer) -> Iterator[str]:
    """Yield what keeps Argo CD from applying the files."""
    if applications.state == "unknown":
        yield f"Argo CD could not be asked: {applications.reason}"
        return
    status = _status(deployment, applications)
    if status is None:
        yield f"Argo CD has no Application {_application_name(deployment)}: has it read the commit?"
        return
    for condition in entries(status.get("conditions")):
        if str(condition.get("type", "")).endswith("Error"):
            yield f"Argo CD: {condition.get('type')}: {condition.get('message')}"
    state = members(status.get("sync")).get("status", "Unknown")
    if state != "Synced":
        operation = members(status.get("operationState"))
        progress = f"{operation.get('phase', 'not begun')}: {operation.get('message', '')}"
        yield f"Argo CD has not applied the files ({state}; {progress})"


def _behind(deployment: Deployment, applications: ClusterAnswer, commit: str) -> Iterator[str]:
    """Yield the commit that Argo CD knows, if it is not the newest: the difference may be that."""
    status = _status(deployment, applications)
    revision = "" if status is None else str(members(status.get("sync")).get("revision", ""))
    if revision and revision != commit:
        yield f"Argo CD has read commit {revision[:12]}, the newest is {commit[:12]}"


def _status(deployment: Deployment, applications: ClusterAnswer) -> Mapping[str, JsonValue] | None:
    name = _application_name(deployment)
    item = next(
        (each for each in entries(applications.value.get("items")) if _name(each) == name), None
    )
    return None if item is None else members(item.get("status"))


def _application_name(deployment: Deployment) -> str:
    return f"{deployment.stage}-{deployment.model}"


def _weight(value: JsonValue) -> int:
    # The Gateway API: a backend without a weight has 1.
    return value if isinstance(value, int) and not isinstance(value, bool) else 1


def _name(item: Mapping[str, JsonValue]) -> str:
    return str(members(item.get("metadata")).get("name", ""))
