"""The policies that Kubernetes itself enforces, on every known-good and known-bad manifest."""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.deploy.policies.builtin_policy import (
    AdmissionRequest,
    BuiltinPolicy,
    FieldRefusal,
    refusals,
)
from goldenpath.deploy.policies.policy_cases import CaseWords, PolicyCase, field_cases
from goldenpath.deploy.policies.rendered_policies import platform_images, rendered_policies
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml
from goldenpath.promote.manifests.kustomize.packaged_files import packaged_files
from tests.promote.example import platform
from tests.promote.manifests.test_ways_in import ways
from tests.sizes import full_size

WORDS = CaseWords(
    "models-prod", platform().registry_prefix, "credit-default", Digest.of(b"one"),
    platform_images(platform()),
)  # fmt: skip
POLICIES = rendered_policies(platform())


@cache
def cases() -> tuple[PolicyCase, ...]:
    return field_cases(WORDS)


def refusing(case: PolicyCase, policies: Iterable[BuiltinPolicy] = POLICIES) -> list[FieldRefusal]:
    return list(refusals(policies, case.request(), WORDS.images))


@cache
def verdicts() -> dict[str, list[FieldRefusal]]:
    return {case.name: refusing(case) for case in cases()}


def test_each_bad_manifest_is_refused_by_the_rule_that_it_is_for_and_by_no_other() -> None:
    """So each rule is needed: without it exactly the cases under it are admitted."""
    for case in cases():
        if case.expected == "refused":
            found = [each.rule.message for each in verdicts()[case.name]]
            assert found == [case.rule], case.name
            assert not verdicts()[case.name][0].fault, case.name


def test_each_good_manifest_is_admitted() -> None:
    assert {case.name: [] for case in cases() if case.expected == "admitted"} == {
        case.name: verdicts()[case.name] for case in cases() if case.expected == "admitted"
    }


def test_there_are_many_each_has_a_name_and_each_rule_has_cases() -> None:
    count = Counter(case.expected for case in cases())
    rules = {rule.message for policy in POLICIES for rule in policy.rules}

    assert (count["refused"], count["admitted"]) == (172, 48)
    assert len({case.name for case in cases()}) == len(cases())
    tried = {case.rule for case in cases() if case.rule}
    # A pod that is created has no ephemeral container, and no file can state one.
    alone = {
        "nobody adds a container to a pod of models, not even to look",
        "no device of blocks is handed to a container",
    }
    assert rules - tried == alone
    assert tried <= rules


@full_size("test_each_bad_manifest_is_refused_by_the_rule_that_it_is_for_and_by_no_other")
def test_without_a_rule_exactly_its_cases_are_admitted() -> None:
    for case in cases():
        if case.expected == "refused":
            left = refusals(POLICIES, case.request(), WORDS.images, without=case.rule)
            assert list(left) == [], case.name


def changed(case: PolicyCase, **spec: JsonValue) -> PolicyCase:
    manifest = {**case.manifest, "spec": {**case.manifest["spec"], **spec}}  # type: ignore[dict-item]
    return PolicyCase(case.name, "refused", "", manifest)


def pod() -> PolicyCase:
    return next(case for case in cases() if case.name == "Pod (server): as KServe makes it")


def test_a_container_that_is_added_to_look_is_refused() -> None:
    debugged = changed(pod(), ephemeralContainers=[{"name": "look", "image": "busybox"}])

    (refusal,) = refusing(debugged)
    assert refusal.rule.message == "nobody adds a container to a pod of models, not even to look"


def test_a_policy_that_is_not_understood_is_refused_by_name() -> None:
    from goldenpath.deploy.policies.builtin_policy import KIND, read_policies

    spec: dict[str, JsonValue] = {"failurePolicy": "Fail", "validations": []}
    for wrong, what in (
        ({**spec, "failurePolicy": "Ignore"}, "failurePolicy Ignore"),
        ({**spec, "auditAnnotations": []}, "auditAnnotations"),
    ):
        with pytest.raises(InvalidInput, match=what):
            read_policies([{"kind": KIND, "metadata": {"name": "x"}, "spec": wrong}])


def test_what_cannot_be_evaluated_is_refused() -> None:
    odd = changed(pod(), containers="none")

    assert any(each.fault for each in refusing(odd))


def documents() -> Iterator[str]:
    yield from (rule.message for policy in POLICIES for rule in policy.rules)


def test_each_rule_has_a_message_of_its_own() -> None:
    assert len(set(documents())) == len(list(documents()))


# They stand outside of every namespace; what they would lead to is refused as a pod.
OF_THE_CLUSTER = {"ClusterServingRuntime", "ClusterStorageContainer", "LocalModelCache"}


@pytest.mark.parametrize("way", ways(), ids=lambda way: str(way["id"]))
def test_every_way_in_that_the_follower_refuses_is_refused_in_a_namespace_of_models(
    way: dict[str, JsonValue],
) -> None:
    manifest = way["manifest"]
    assert isinstance(manifest, dict)
    kind = str(manifest["kind"])
    if kind in OF_THE_CLUSTER:
        return
    group, _, version = str(manifest["apiVersion"]).rpartition("/")
    request = AdmissionRequest(group, version, f"{kind.lower()}s", manifest)

    found = list(refusals(POLICIES, request, WORDS.images))

    assert found
    assert not any(each.fault for each in found)


def test_what_the_platform_commits_for_its_own_namespaces_is_admitted() -> None:
    """The runtime and the jobs by the clock, as Kustomize copies the images into them."""
    owned = packaged_files("owned", platform())
    known = {"CronJob": ("batch", "v1"), "ServingRuntime": ("serving.kserve.io", "v1alpha1")}
    tried = []
    for path, content in owned.items():
        if not path.startswith("cluster/stage/"):
            continue
        for text in content.decode().split("\n---\n"):
            item = parse_yaml(text.encode(), path)
            if item["kind"] in known:
                group, version = known[str(item["kind"])]
                request = AdmissionRequest(group, version, f"{str(item['kind']).lower()}s", item)
                tried.append(item["kind"])
                assert list(refusals(POLICIES, request, WORDS.images)) == [], path

    assert {"CronJob", "ServingRuntime"} <= {*tried}
