"""Runs every case without a cluster: by the built-in policies, and by our own verifier.

The order is that of a cluster: the API server judges the fields first, and only what it lets in is
a question to an engine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.deploy.policies.builtin_policy import BuiltinPolicy, refusals
from goldenpath.deploy.policies.image_verdict import ImageQuestion, image_refusals
from goldenpath.deploy.policies.policy_cases import (
    CaseWords,
    PolicyCase,
    Verdict,
    field_cases,
    signature_case,
)
from goldenpath.deploy.policies.release_states import (
    MODEL,
    STATES,
    CaseKeys,
    ReleaseState,
    push_release,
)
from goldenpath.deploy.policies.rendered_policies import platform_images, rendered_policies
from goldenpath.digest import Digest
from goldenpath.oci.store import Store
from goldenpath.promote.manifests.kustomize.image_policies import image_rules
from goldenpath.promote.manifests.object_names import namespace_of
from goldenpath.promote.platform.platform import Platform

CARRIERS = ("service", "server")
"""The bases in which each state of a release is tried: a service, and a pod by hand."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case, what should become of it, and what became of it."""

    case: str
    expected: Verdict
    verdict: Verdict | None
    """None if it could not be found out."""
    reason: str

    @property
    def agrees(self) -> bool:
        """Whether the verdict is the expected one."""
        return self.verdict == self.expected


@dataclass(frozen=True, slots=True)
class CaseScene:
    """A platform, a stage, and the releases of the cases in a store."""

    platform: Platform
    """The platform that trusts the keys of the cases."""
    stage: str
    cases: tuple[PolicyCase, ...]
    releases: Mapping[str, Digest]
    """The release of each case whose fields are right, by the name of the case."""


def case_scene(store: Store, platform: Platform, keys: CaseKeys, now: datetime) -> CaseScene:
    """Push the releases of the cases into a store, and return all cases for the last stage."""
    stage = platform.stages[-1].name
    trusting = keys.trusting(platform)
    pushed = [(state, push_release(store, state, stage, keys=keys, now=now)) for state in STATES]
    _, right = pushed[0]
    words = CaseWords(
        namespace_of(stage), platform.registry_prefix, MODEL, right, platform_images(platform)
    )
    fields = field_cases(words)
    releases = {case.name: right for case in fields if case.expected == "admitted"}
    messages = {rule.name: rule.message for rule in image_rules(trusting, stage)}
    signed: list[PolicyCase] = []
    for state, digest in pushed:
        for case in _signature_cases(state, replace(words, digest=digest), messages):
            signed.append(case)
            releases[case.name] = digest
    return CaseScene(trusting, stage, (*fields, *signed), releases)


def _signature_cases(
    state: ReleaseState, words: CaseWords, messages: Mapping[str, str]
) -> Iterator[PolicyCase]:
    for base in CARRIERS:
        yield signature_case(base, state.name, messages.get(state.rule, ""), words)


def judge_cases(
    scene: CaseScene, store: Store, now: datetime, without: str = ""
) -> tuple[CaseResult, ...]:
    """Return what becomes of each case; `without` leaves out the rule with that message."""
    policies = rendered_policies(scene.platform)
    images = platform_images(scene.platform)
    return tuple(
        _judged(case, scene, policies, images, store=store, now=now, without=without)
        for case in scene.cases
    )


def _judged(
    case: PolicyCase,
    scene: CaseScene,
    policies: tuple[BuiltinPolicy, ...],
    images: Mapping[str, str],
    *,
    store: Store,
    now: datetime,
    without: str,
) -> CaseResult:
    closed = [each.rule.message for each in refusals(policies, case.request(), images, without)]
    release = scene.releases.get(case.name)
    if not closed and release is not None:
        question = ImageQuestion(release, scene.stage, MODEL, now)
        asked = image_refusals(store, scene.platform, question, without)
        closed = [each.message for each in asked]
    verdict: Verdict = "refused" if closed else "admitted"
    return CaseResult(case.name, case.expected, verdict, "; ".join(closed))
