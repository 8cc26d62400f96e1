"""A cluster that has nothing of ours gets everything: each thing is in what Kustomize builds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from goldenpath.promote.manifests.inference_manifest import RUNTIME
from tests.promote.manifests.kustomize.test_cluster_setup import NAMES, built, repository

__all__ = ["repository"]
DOCS = Path(__file__).parents[4] / "docs"
PROFILES = {
    f"cluster/overlays/{profile}": ("policies", "policies/builtin", "cluster/parts/argocd",
                                    "cluster/parts/monitoring", "cluster/parts/secrets")
    for profile in ("standard", "knative")
}  # fmt: skip
STAGES = {f"models-{name}" for name in NAMES}


class Objects:
    """What a profile and the parts beside it hold."""

    def __init__(self, values: list[dict[str, Any]]) -> None:
        self.values = values

    def of(self, kind: str, name: str = "") -> list[dict[str, Any]]:
        """Every object of a kind, or those of one name."""
        return [
            each for each in self.values
            if each["kind"] == kind and name in ("", each["metadata"]["name"])
        ]  # fmt: skip

    def places(self, kind: str, name: str = "") -> set[str]:
        """The namespaces that have such an object."""
        return {each["metadata"].get("namespace", "") for each in self.of(kind, name)}

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The first of them."""
        return self.of(kind, name)[0]


@pytest.fixture(scope="module", params=PROFILES)
def objects(request: pytest.FixtureRequest, repository: Path) -> Objects:
    folders = (request.param, *PROFILES[request.param])
    return Objects([each for folder in folders for each in built(repository / folder)])


def _synced(found: Objects) -> Iterator[bool]:
    for each in found.of("ApplicationSet"):
        template = each["spec"]["template"]
        automated = template["spec"]["syncPolicy"]["automated"]
        yield bool(automated["prune"] and automated["selfHeal"])
        compared = template["metadata"]["annotations"]["argocd.argoproj.io/compare-options"]
        yield {"ServerSideDiff=true", "IncludeMutationWebhook=true"} <= {*compared.split(",")}


def _rights(found: Objects) -> Iterator[bool]:
    for role in (*found.of("Role"), *found.of("ClusterRole")):
        for rule in role["rules"]:
            named = {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
            yield not named & {"*", "secrets", "pods/exec", "impersonate", "escalate", "bind"}
    yield all(each["automountServiceAccountToken"] is False for each in found.of("ServiceAccount"))


def _network(found: Objects) -> Iterator[bool]:
    yield {*STAGES, "goldenpath"} <= found.places("NetworkPolicy", "default-deny")
    for each in found.of("NetworkPolicy", "default-deny"):
        spec = each["spec"]
        yield spec["podSelector"] == {} and {*spec["policyTypes"]} == {"Ingress", "Egress"}
        yield "ingress" not in spec and "egress" not in spec


def _runtime(found: Objects) -> dict[str, Any]:
    (container,) = found.one("ServingRuntime", RUNTIME)["spec"]["containers"]
    return dict(container)


def _collector(found: Objects) -> bool:
    settings = yaml.safe_load(found.one("ConfigMap", "collector")["data"]["collector.yaml"])
    (container,) = found.one("Deployment", "collector")["spec"]["template"]["spec"]["containers"]
    addresses = {each["name"] for each in container["env"]}
    return all(
        f"${{env:{name.upper()}_ENDPOINT}}" in str(settings["exporters"][f"otlphttp/{name}"])
        and f"{name.upper()}_ENDPOINT" in addresses
        and settings["service"]["pipelines"][name]["exporters"] == [f"otlphttp/{name}"]
        for name in ("metrics", "traces", "logs")
    )


def _pods(found: Objects) -> Iterator[bool]:
    """Whether our pods have no token and no right on their node."""
    specs = [each["spec"]["template"]["spec"] for each in found.of("Deployment")]
    specs += [
        each["spec"]["jobTemplate"]["spec"]["template"]["spec"] for each in found.of("CronJob")
    ]
    for spec in specs:
        # The follower alone asks the API server.
        asks = spec["serviceAccountName"] == "reconcile"
        yield spec["automountServiceAccountToken"] is asks
        yield spec["securityContext"]["runAsNonRoot"] is True
    yield all(
        each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        for each in found.of("Namespace")
    )


WANTED: dict[str, Callable[[Objects], object]] = {
    "AppProject": lambda found: {"models", "platform"}
    <= {each["metadata"]["name"] for each in found.of("AppProject")},
    "ApplicationSet: prune, self-heal, server-side diff": lambda found: all(_synced(found)),
    "health of services": lambda found: "serving.kserve.io_InferenceService"
    in str(found.one("ConfigMap", "argocd-cm")["data"]),
    "namespaces": lambda found: {*STAGES, "goldenpath"}
    == {each["metadata"]["name"] for each in found.of("Namespace")},
    "quotas": lambda found: found.places("ResourceQuota") >= STAGES,
    "limits": lambda found: found.places("LimitRange") >= STAGES,
    "rights": lambda found: all(_rights(found)),
    "network policies": lambda found: all(_network(found)),
    "the runtime": lambda found: found.places("ServingRuntime", RUNTIME) == STAGES,
    "the storage container that verifies": lambda found: "GOLDENPATH_FETCH_VERIFY"
    in str(found.one("ClusterStorageContainer", "goldenpath-verified")),
    "admission policies": lambda found: found.of("ValidatingAdmissionPolicy"),
    "the policy of the servers": lambda found: found.places("ConfigMap", "goldenpath-policy")
    >= STAGES,
    "the observer's metrics": lambda found: "metrics"
    in [port["name"] for port in _runtime(found)["ports"]],
    "the witness": lambda found: found.places("CronJob", "witness") == STAGES,
    "the judge": lambda found: found.places("CronJob", "judge") == STAGES,
    "the collector": _collector,
    "rules": lambda found: found.of("PrometheusRule", "goldenpath"),
    "monitors": lambda found: {"models", "collector"}
    == {each["metadata"]["name"] for each in found.of("PodMonitor")},
    "dashboards": lambda found: found.one("ConfigMap", "goldenpath-dashboards")["metadata"][
        "labels"
    ] == {"grafana_dashboard": "1"},
    "secrets by reference": lambda found: not found.of("Secret")
    and {"registry", "rollout-key", "git-key", "witness-key", "log-store",
          "score-store", "admission-key", "follower-git-key", "follower-registry"}
    == {each["metadata"]["name"] for each in found.of("ExternalSecret")},
    "disruption budgets": lambda found: found.places("PodDisruptionBudget")
    == {*STAGES, "goldenpath"},
    "a preStop, then a drain": lambda found: _runtime(found)["lifecycle"]["preStop"]["sleep"]
    and "GOLDENPATH_SERVE_DRAIN_DELAY" in str(_runtime(found)["env"]),
    "pods without rights": lambda found: all(_pods(found)),
}  # fmt: skip


@pytest.mark.parametrize("what", WANTED)
def test_a_profile_brings(objects: Objects, what: str) -> None:
    assert WANTED[what](objects)


def test_every_secret_that_a_pod_reads_is_one_that_external_secrets_brings(
    objects: Objects,
) -> None:
    brought = {each["metadata"]["name"] for each in objects.of("ExternalSecret")}

    # Jobs that score are declared later: tests/deploy/cluster/test_score_job.py.
    assert {*_secrets(objects.values), "score-store"} == brought


def _secrets(value: object) -> Iterator[str]:
    """Yield every name of a secret that a volume or a variable reads."""
    if isinstance(value, dict):
        for key, each in value.items():
            if key == "secretName":
                yield str(each)
            elif key in ("secretKeyRef", "secretRef"):
                yield str(each["name"])
            else:
                yield from _secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each)


def test_the_follower_reads_what_runs_and_writes_one_config_map(objects: Objects) -> None:
    me = {"kind": "ServiceAccount", "name": "reconcile", "namespace": "goldenpath"}
    bound = {
        (each["metadata"]["namespace"], each["roleRef"]["name"])
        for each in objects.of("RoleBinding")
        if me in each["subjects"]
    }
    rights = {
        (namespace, resource, verb, *rule.get("resourceNames", ()))
        for namespace, name in bound
        for role in objects.of("Role", name)
        if role["metadata"]["namespace"] == namespace
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    own = {
        ("goldenpath", "configmaps", "get", "goldenpath-reconcile"),
        ("goldenpath", "configmaps", "patch", "goldenpath-reconcile"),
        ("goldenpath", "namespaces", "get", "goldenpath"),
    }
    read = {
        (stage, resource, "list")
        for stage in STAGES
        for resource in ("inferenceservices", "httproutes", "pods")
    }
    assert rights == own | read
    assert "ClusterRoleBinding" not in {each["kind"] for each in objects.values}
    spec = objects.one("Deployment", "reconcile")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert container["args"][:2] == ["reconcile", "--observe"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["strategy"] == {"type": "Recreate"}
    (policy,) = objects.of("NetworkPolicy", "reconcile")
    assert "ingress" not in policy["spec"] and "Ingress" in policy["spec"]["policyTypes"]


def test_the_page_for_the_first_hour_names_each_part() -> None:
    page = (DOCS / "kubernetes.md").read_text("utf-8")

    for part in ("argocd", "monitoring", "secrets"):
        assert f"cluster/parts/{part}" in page
    for command in ("image build", "platform init --target kubernetes", "kubectl apply"):
        assert command in page.partition("## What is committed")[0]
