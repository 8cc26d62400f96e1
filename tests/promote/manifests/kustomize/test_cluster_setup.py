"""The files for a cluster: whole, valid, owned by whoever changes them, and built by Kustomize."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from goldenpath.observe.monitoring_files import monitoring_files
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.manifests.deployment_files import SERVICE_FILE, is_applied_file
from goldenpath.promote.manifests.inference_manifest import RUNTIME
from goldenpath.promote.manifests.kustomize.cluster_setup import (
    VALUES,
    ClusterScene,
    ClusterSetup,
    cluster_setup,
)
from goldenpath.promote.platform.forge_settings import ClusterSettings
from goldenpath.promote.platform.platform import Platform, Stage, parse_platform
from goldenpath.promote.platform.second_person import is_protected
from tests.promote.example import platform
from tests.promote.manifests.crds import check, schemas

ROOT = "a" * 40
KUBECTL = Path.home() / ".cache/goldenpath/cluster/bin/kubectl"
PARTS = {
    "cluster/overlays/standard", "cluster/overlays/knative", "cluster/parts/monitoring",
    "cluster/parts/secrets", "cluster/parts/argocd", "policies", "policies/builtin", "argocd",
}  # fmt: skip
CLUSTER_WIDE = {
    "Namespace", "ClusterRole", "ClusterStorageContainer", "ImageValidatingPolicy",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}  # fmt: skip


def setup(
    present: Mapping[str, bytes] | None = None,
    known: Platform | None = None,
    *,
    renew: bool = False,
) -> ClusterSetup:
    monitoring = {**monitoring_files("rules"), **monitoring_files("dashboards")}
    known = known or platform()
    scene = ClusterScene(known, platform_files(known), ROOT, present or {}, monitoring)
    return cluster_setup(scene, renew=renew)


FILES = setup().files
NAMES = [stage.name for stage in platform().stages]


def documents(files: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, object]]]:
    for path, content in files.items():
        if path.endswith(".yaml"):
            for value in yaml.safe_load_all(content):
                yield path, value


@pytest.mark.parametrize("path", sorted(path for path in FILES if path.endswith(".yaml")))
def test_a_file_is_valid_by_the_schemas_and_has_no_open_word(path: str) -> None:
    content = FILES[path].decode()

    for word in ("EACH_STAGE", "GITOPS_URL", "GITOPS_TRUST", "CLUSTER_PROFILE", "REGISTRY_FOLDER"):
        assert word not in content
    for _, value in documents({path: FILES[path]}):
        if value["kind"] in schemas():
            check(value)


def test_the_schemas_hold_each_kind_that_others_define() -> None:
    kinds = {str(value["kind"]) for _, value in documents(FILES)}

    assert {
        "AppProject", "ApplicationSet", "ServingRuntime", "ClusterStorageContainer", "Gateway",
    } <= kinds & {*schemas()}  # fmt: skip


def test_every_file_that_a_kustomization_names_is_there() -> None:
    for path, value in documents(FILES):
        if not path.endswith("kustomization.yaml"):
            continue
        folder = Path("/", path).parent
        listed = [*value.get("resources", []), *value.get("components", [])]  # type: ignore[misc]
        for generator in value.get("configMapGenerator", []):  # type: ignore[attr-defined]
            listed += generator.get("files", [])
        for name in listed:
            target = os.path.normpath(folder / name).lstrip("/")
            assert target in FILES or f"{target}/kustomization.yaml" in FILES, (path, name)


def test_each_change_of_a_file_needs_two_people() -> None:
    assert all(map(is_protected, FILES))


def test_git_holds_no_secret_only_its_name() -> None:
    kinds = [value["kind"] for _, value in documents(FILES)]

    assert "Secret" not in kinds
    assert kinds.count("ExternalSecret") == 9


def test_argo_cd_applies_of_a_deployment_what_the_reader_reads() -> None:
    found = [value for path, value in documents(FILES) if path == "argocd/applicationset.yaml"]
    (models,) = found
    pattern = models["spec"]["template"]["spec"]["source"]["directory"]["include"]  # type: ignore[index]
    names = pattern.strip("{}").split(",")

    assert {SERVICE_FILE, "route.yaml"} <= {*names}
    assert is_applied_file(names[-1].replace("*", "m").replace("[0123456789abcdef]", "0"))


def test_a_commit_that_cannot_be_applied_does_not_hold_up_the_one_that_mends_it() -> None:
    sets = [value for _, value in documents(FILES) if value["kind"] == "ApplicationSet"]

    retries = [each["spec"]["template"]["spec"]["syncPolicy"]["retry"] for each in sets]  # type: ignore[index]
    assert [(each["limit"], each["refresh"]) for each in retries] == [(-1, True)] * 2
    assert b"controller.sync.timeout.seconds" in FILES["cluster/parts/argocd/parameters.yaml"]


def test_a_second_time_changes_nothing() -> None:
    assert setup(FILES) == ClusterSetup({}, ())


def test_what_somebody_changed_stays_and_is_named_and_can_be_renewed() -> None:
    mine = {**FILES, "cluster/stage/quota.yaml": b"kind: Mine\n", VALUES: b"kind: Values\n"}

    assert setup(mine) == ClusterSetup({}, ("cluster/stage/quota.yaml",))
    renewed = setup(mine, renew=True)
    assert renewed.files == {"cluster/stage/quota.yaml": FILES["cluster/stage/quota.yaml"]}


def test_a_file_that_follows_from_platform_toml_never_stays() -> None:
    mine = {**FILES, "argocd/project.yaml": b"kind: Mine\n"}

    assert setup(mine).files == {"argocd/project.yaml": FILES["argocd/project.yaml"]}


def test_a_new_stage_gets_its_namespace_and_nothing_else_changes() -> None:
    known = platform()
    larger = replace(known, stages=(Stage("sandbox", ("evidence",)), *known.stages))
    present = {**FILES, **platform_files(larger), "cluster/stage/quota.yaml": b"kind: Mine\n"}

    added = setup(present, larger)

    assert set(added.files) == {
        "cluster/stages/kustomization.yaml", "cluster/stages/sandbox/kustomization.yaml",
        "cluster/parts/secrets/kustomization.yaml",
        "cluster/parts/secrets/stages/sandbox/kustomization.yaml",
        "cluster/parts/monitoring/monitors.yaml", "cluster/scores/sandbox/account.yaml",
    }  # fmt: skip
    assert added.kept == ("cluster/stage/quota.yaml",)


def test_the_profile_is_kept_in_platform_toml_and_names_what_argo_cd_applies() -> None:
    known = replace(platform(), cluster=ClusterSettings(profile="knative"))

    files = setup(known=known).files

    assert parse_platform(files["platform.toml"]).cluster.profile == "knative"
    assert b"path: cluster/overlays/knative" in files["argocd/platform.yaml"]
    assert b"path: cluster/overlays/standard" in FILES["argocd/platform.yaml"]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gitops")
    for path, content in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def built(folder: Path) -> list[dict[str, object]]:
    """What Kustomize makes of a folder."""
    program = shutil.which("kubectl") or (str(KUBECTL) if KUBECTL.exists() else "")
    if not program:
        pytest.skip("NOT TESTED HERE: no kubectl builds the Kustomize files; see make cluster")
    command = [program, "kustomize", str(folder)]
    made = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return list(yaml.safe_load_all(made.stdout))


def test_kustomize_builds_each_part_and_its_project_allows_each_kind(repository: Path) -> None:
    every = {part: built(repository / part) for part in PARTS}

    (project,) = (
        each["spec"] for each in every["argocd"]
        if each["kind"] == "AppProject" and each["metadata"]["name"] == "platform"  # type: ignore[index]
    )  # fmt: skip
    for part, made in every.items():
        assert made, part
        for value in made:
            wide = value["kind"] in CLUSTER_WIDE
            listed = project["clusterResourceWhitelist" if wide else "namespaceResourceWhitelist"]  # type: ignore[index]
            group = str(value["apiVersion"]).rpartition("/")[0]
            allowed = {(each["group"], each["kind"]) for each in listed}
            assert allowed & {(group, value["kind"]), (group, "*")}, (part, value["kind"])
            if value["kind"] in schemas():
                check(value)


def test_every_namespace_denies_by_default_and_every_value_reaches_its_place(
    repository: Path, tmp_path: Path
) -> None:
    mine = shutil.copytree(repository, tmp_path / "gitops")
    text = (mine / VALUES).read_text().replace("0" * 64, "5" * 64).replace('"200"', '"7"')
    text = text.replace('authoritiesFile: ""', "authoritiesFile: /etc/authorities/x")
    (mine / VALUES).write_text(text.replace("gatewayClass: envoy", "gatewayClass: theirs"))

    made = built(mine / "cluster/overlays/standard")

    whole = yaml.safe_dump_all(made)
    assert "goldenpath-values" not in whole and "0" * 64 not in whole
    assert "gatewayClassName: theirs" in whole
    assert whole.count("/etc/authorities/x") == 3 * len(NAMES) + 2
    namespaces = {f"models-{name}" for name in NAMES}
    for kind, name in (
        ("NetworkPolicy", "default-deny"), ("ResourceQuota", "models"), ("ServingRuntime", RUNTIME),
        ("ConfigMap", "goldenpath-policy"), ("PodDisruptionBudget", "models"), ("CronJob", "judge"),
    ):  # fmt: skip
        found = {
            value["metadata"]["namespace"] for value in made  # type: ignore[index]
            if (value["kind"], value["metadata"]["name"]) == (kind, name)  # type: ignore[index]
        }  # fmt: skip
        assert namespaces <= found, kind
    assert whole.count("pods: '7'") == len(NAMES)
    # Each image stands in a container, and three once more on the list of images that may run.
    containers = whole.count("5" * 64) - 3
    assert whole.count("allowPrivilegeEscalation: false") == containers
    assert whole.count("readOnlyRootFilesystem: true") == containers
    assert {f"stage: {name}" for name in NAMES} <= {line.strip() for line in whole.splitlines()}


def test_the_rules_of_the_operator_are_those_of_the_verb(repository: Path) -> None:
    (rules,) = [
        each for each in built(repository / "cluster/parts/monitoring")
        if each["kind"] == "PrometheusRule"
    ]  # fmt: skip

    assert rules["spec"] == yaml.safe_load(monitoring_files("rules")["goldenpath-rules.yaml"])
