"""The 250 cases behind the real API server: the built-in policies first, then Kyverno as well."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from cluster.controllers.kyverno import NAME, start_kyverno
from cluster.governed.server_dry_run import ServerDryRun
from cluster.objects import KubernetesObject, apply
from cluster.stack import Stack
from cluster.walk.record import WalkRecord, await_value
from goldenpath.deploy.policies.case_verdicts import (
    CaseResult,
    CaseScene,
    case_scene,
    judge_cases,
)
from goldenpath.deploy.policies.policy_cases import PolicyCase
from goldenpath.deploy.policies.release_states import MODEL, CaseKeys
from goldenpath.deploy.policies.rendered_policies import platform_images
from goldenpath.oci.reference import Reference
from goldenpath.oci.store import Store
from goldenpath.oci.stores.connect import connect
from goldenpath.promote.manifests.cluster import render_cluster
from goldenpath.promote.manifests.object_names import namespace_of
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.settings import CA_VARIABLE

_STAGE = "prod"
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class GovernedScene:
    """A running cluster, the cases, and the store with their releases."""

    stack: Stack
    cases: CaseScene
    store: Store

    @property
    def server(self) -> ServerDryRun:
        """The API server."""
        return ServerDryRun(self.stack.plane)


def begin_cases(stack: Stack, folder: Path) -> GovernedScene:
    """Push the releases of the cases, and apply what the policies need beside themselves."""
    prefix = f"{stack.registry.host}/models"
    reference = Reference.parse(f"{prefix}/{MODEL}")
    environment = {CA_VARIABLE: str(stack.registry.authority)}
    store = connect("oci+https", reference, environment, (), uploads=folder / "uploads")
    platform = Platform(
        stages=(Stage(_STAGE, ("evidence",)),),
        registry_prefix=prefix,
        registry_store=f"oci+https://{prefix}",
        build_keys=(),
        commit_keys=(),
        people=(),
    )
    scene = case_scene(store, platform, CaseKeys.make(), datetime.now(UTC))
    apply(stack.plane, _beside(scene.platform))
    return GovernedScene(stack, scene, store)


def judge_fields(scene: GovernedScene, record: WalkRecord) -> None:
    """Judge the cases about fields by the policies that need no engine."""
    apply(scene.stack.plane, _policies(scene.cases.platform, "policies/builtin/"))
    fields = tuple(case for case in scene.cases.cases if "(release)" not in case.name)
    bad = next(case for case in fields if case.expected == "refused")
    _await_refusal(scene, bad, "the built-in policies are in force")
    _compare(scene, record, replace(scene.cases, cases=fields), "the API server alone")


def judge_everything(scene: GovernedScene, record: WalkRecord) -> None:
    """Judge all cases by the built-in policies and by Kyverno."""
    start_kyverno(scene.stack.daemons, scene.stack.plane, scene.stack.registry)
    apply(scene.stack.plane, _policies(scene.cases.platform, "policies/kyverno.yaml"))
    for kind in ("InferenceService", "Pod"):
        bad = f"{kind} (release): nobody admitted it"
        case = next(each for each in scene.cases.cases if each.name == bad)
        _await_refusal(scene, case, f"Kyverno judges each {kind}")
    _compare(scene, record, scene.cases, "the API server and Kyverno")


def end_engine(scene: GovernedScene, record: WalkRecord) -> None:
    """Take the engine away: nothing new starts."""
    scene.stack.daemons.end_one(NAME)
    good = next(each for each in scene.cases.cases if each.expected == "admitted")
    result = scene.server.judge(good)
    claim = "with the engine down nothing new starts"
    record.require(result.verdict != "admitted", claim, result.reason[:200])


def _compare(scene: GovernedScene, record: WalkRecord, cases: CaseScene, engine: str) -> None:
    """Require that the cluster and the laptop say the same of each case; name each difference."""
    began = time.monotonic()
    seen = [scene.server.judge(case) for case in cases.cases]
    took = time.monotonic() - began
    laptop = judge_cases(cases, scene.store, datetime.now(UTC))
    differing = [
        f"{there.case}: the laptop says {here.verdict}, the cluster {there.verdict}: {there.reason}"
        for here, there in zip(laptop, seen, strict=True)
        if here.verdict != there.verdict
    ]
    for line in differing:
        record.report(f"  differs: {line[:600]}")
    others = _other_reasons(seen, cases)
    count = Counter(each.verdict for each in seen)
    claim = f"{len(seen)} manifests get the verdict of the laptop from {engine}"
    counted = f"{count['refused']} refused, {count['admitted']} admitted in {took:.0f} s"
    record.require(not differing, claim, counted if not differing else f"{len(differing)} differ")
    record.note(f"refused for another reason by {engine}", others or "none")


def _other_reasons(seen: list[CaseResult], cases: CaseScene) -> str:
    """Return the cases that the cluster refuses before our rule is asked, with its reason."""
    rules = {case.name: case.rule for case in cases.cases}
    return "; ".join(
        f"{each.case}: {each.reason[:160]}"
        for each in seen
        if each.verdict == "refused" and rules[each.case] not in each.reason
    )


def _await_refusal(scene: GovernedScene, case: PolicyCase, what: str) -> None:
    """Wait until a policy is in force: the API server and an engine take a moment."""

    def seen() -> str:
        try:
            result = scene.server.judge(case)
        except OSError as error:
            return str(error)
        return f"{result.verdict} {result.reason}"

    await_value(seen, lambda text: case.rule in text, _SECONDS, what)


def _policies(platform: Platform, path: str) -> list[KubernetesObject]:
    files = render_cluster(platform)
    return [
        document
        for name, content in sorted(files.items())
        if name.startswith(path)
        for document in yaml.safe_load_all(content)
    ]


def _beside(platform: Platform) -> list[KubernetesObject]:
    """Return namespaces and images, as `platform init` commits them."""
    labels = {
        "goldenpath.example/part": "models",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "goldenpath"}},
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace_of(_STAGE), "labels": dict(labels)},
        },
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "goldenpath-images", "namespace": "goldenpath"},
            "data": dict(platform_images(platform)),
        },
    ]
