"""Judges a release by the policies for images, with our own verifier instead of an engine.

The rules are those that `kyverno.yaml` is rendered from, by their names. A statement counts here
only if it passes every control of our verifier, which is stricter than an engine is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from goldenpath.deploy.reconcile.admission_statement import StandingAdmission, read_admission
from goldenpath.digest import Digest
from goldenpath.oci.store import Store
from goldenpath.promote.manifests.kustomize.image_policies import (
    JOB_RULE,
    NAMES,
    ImageRule,
    image_rules,
)
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.contents import JOB
from goldenpath.release.attest.policy import (
    Demand,
    Policy,
    SignedStatement,
    TrustedKey,
    Verified,
    newest_of,
)
from goldenpath.release.attest.statement import PROVENANCE, SIGNED, admitted_type, member
from goldenpath.release.attest.verify import Reading, gather, judge, require_all_read


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """A release that is to start as a model in a stage."""

    digest: Digest
    stage: str
    model: str
    now: datetime


def image_refusals(
    store: Store, platform: Platform, question: ImageQuestion, without: str = ""
) -> Iterator[ImageRule]:
    """Yield each rule that refuses the release, but the one with the message `without`.

    Raises `NotFound` if the store has no such release, `Unavailable` if not all could be read.
    """
    facts = _facts(store, platform, question)
    for rule in image_rules(platform, question.stage):
        if rule.message != without and not _holds(rule.name, facts, platform, question):
            yield rule


@dataclass(frozen=True, slots=True)
class _Facts:
    built: Verified
    admission: StandingAdmission | None
    """The admission that is read, whether or not it has ended; none if there is none."""


def _facts(store: Store, platform: Platform, question: ImageQuestion) -> _Facts:
    # Neither builder nor repository: whether they are right is a rule of its own.
    built = _verified(store, question, platform.build_keys, SIGNED)
    kind = admitted_type(question.stage)
    admitted = _verified(store, question, platform.admission_keys, kind)
    read = (
        read_admission(question.digest, question.stage, each.statement)
        for each in admitted.of_type(kind)
    )
    standing = (each for each in read if each is not None)
    return _Facts(built, max(standing, key=lambda each: each.expires, default=None))


def _verified(
    store: Store, question: ImageQuestion, keys: tuple[TrustedKey, ...], required: str
) -> Verified:
    policy = Policy(keys, (required,))
    reading = Reading(Demand(question.digest, policy, (), question.now))
    documents = gather(store, question.digest, reading=reading)
    return require_all_read(judge(question.digest, documents, policy, (), now=question.now))


def _holds(name: str, facts: _Facts, platform: Platform, question: ImageQuestion) -> bool:
    if name in NAMES:
        needed = platform.demands.threshold if name == "sign" else 1
        return len(_signers(facts.built.of_type(NAMES[name]))) >= needed
    if name in ("builder", "repository") or name.startswith(JOB_RULE):
        return _is_built_right(name, facts.built, platform)
    if name == "admitted":
        return facts.admission is not None
    # Without an admission there is nothing to compare, and `admitted` has refused it.
    if facts.admission is None:
        return True
    if name == "expires":
        return facts.admission.expires > question.now
    return facts.admission.model == question.model


def _signers(statements: tuple[SignedStatement, ...]) -> set[str]:
    return {each.signer for each in statements}


def _is_built_right(name: str, built: Verified, platform: Platform) -> bool:
    provenance = newest_of(built.statements, PROVENANCE)
    if provenance is None:
        return True
    content = dict(provenance.statement.predicate)
    if name.startswith(JOB_RULE):
        part = name.removeprefix(JOB_RULE)
        return member(content, *JOB, part) == platform.demands.job.record()[part]
    if name == "builder":
        return member(content, "runDetails", "builder", "id") == platform.demands.builder
    path = ("buildDefinition", "externalParameters", "repository")
    return member(content, *path) == platform.demands.repository
