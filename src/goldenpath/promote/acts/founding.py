"""The first commit of a platform, and its list of people."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from goldenpath.errors import InvalidInput, NotFound, did_you_mean
from goldenpath.promote.acts.intents import TrustChange
from goldenpath.promote.gates.admission_policy import admission_of, render_admission
from goldenpath.promote.manifests.cluster import render_cluster
from goldenpath.promote.platform.demands import Demands, StatementRules
from goldenpath.promote.platform.platform import (
    FILE,
    GATES,
    URL,
    WITNESS,
    Platform,
    Stage,
    render_platform,
)
from goldenpath.promote.platform.second_person import ENGINEER
from goldenpath.release.attest.policy import Person, TrustedKey
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key
from goldenpath.release.attest.statement import BUILDER

_DEV = ("evidence", "clean-source", "checks")
_TEST = (
    *_DEV, "thresholds", "threshold-order", "statements", "schema", "stage-before",
)  # fmt: skip
STAGES = (
    Stage("dev", _DEV),
    Stage("test", _TEST),
    Stage("prod", GATES, approvals=2, approver_roles=("validator", "risk-manager")),
)
"""The stages of a new platform."""
SERVER_POLICY = "policies/servers/policy.toml"
"""The policy by which a server verifies its release again."""
_AUTHOR = "data-scientist"
"""The role of people who build releases; no rule asks for it, so it gives no right."""


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """The options of a new platform."""

    gateway: str
    registry_prefix: str
    roles: tuple[str, ...]
    url: str = URL
    demonstration: bool = False
    """Whether the platform only shows the product."""


@dataclass(frozen=True, slots=True)
class FoundingScene:
    """The people and keys known before a platform has its first commit."""

    name: str
    """The person who sets it up."""
    public_key: str
    """Their SSH key, one line."""
    rollout_key: str
    """The machine's SSH key, one line."""
    build_key: TrustedKey
    now: datetime
    witness_key: str = ""
    """The SSH key that signs heads of logs, one line; empty if there is none."""


def begin(scene: FoundingScene, options: PlatformOptions) -> TrustChange:
    """Return the first commit: stages, trust and registry of the platform."""
    platform = Platform(
        stages=STAGES,
        registry_prefix=options.registry_prefix,
        registry_store="layout:registry",
        build_keys=(scene.build_key,),
        commit_keys=(Person("rollout", (), scene.rollout_key), *_witnesses(scene)),
        people=(Person(scene.name, options.roles, scene.public_key),),
        gateway=options.gateway,
        url=options.url,
        demands=Demands(builder=BUILDER),
        statements=StatementRules(compared=True, demonstration=options.demonstration),
    )
    require_known_roles(platform, options.roles)
    return TrustChange(
        None,
        scene.now,
        {**platform_files(platform)},
        "platform: begin\n\nStages, trust and registry of this platform.\n",
        (scene.name,),
    )


def _witnesses(scene: FoundingScene) -> Iterator[Person]:
    if scene.witness_key:
        yield Person(WITNESS, (WITNESS,), scene.witness_key)


def with_witness(platform: Platform, name: str, public_key: str) -> Platform:
    """Return the platform with one more witness.

    Raises `InvalidInput` if the name or the key is listed already.
    """
    for listed in (*platform.people, *platform.commit_keys):
        if listed.name == name or is_same_key(listed.ssh_key, public_key):
            raise InvalidInput(
                f"platform.toml lists {listed.name} already: expected a new name and a new key"
            )
    witness = Person(name, (WITNESS,), public_key)
    return replace(platform, commit_keys=(*platform.commit_keys, witness))


def require_known_roles(platform: Platform, roles: Iterable[str]) -> None:
    """Raise `InvalidInput` for a role that no rule of the platform knows.

    A mistyped role gives no right, and nobody would notice before an approval is refused.
    """
    known = {ENGINEER, _AUTHOR, *(limit.role for limit in platform.role_limits)}
    for stage in platform.stages:
        known |= {*stage.approver_roles, *(stage.break_glass.roles if stage.break_glass else ())}
    for role in roles:
        if role not in known:
            near = did_you_mean(role, sorted(known))
            raise InvalidInput(
                f"no stage knows the role {role!r}: expected one of {', '.join(sorted(known))}",
                hint=near or f"name it first in approver-roles of a stage, in {FILE}",
            )


def with_person(platform: Platform, person: Person) -> Platform:
    """Return the platform with `person` listed; one of that name gets the new key and roles."""
    others = tuple(each for each in platform.people if each.name != person.name)
    return replace(platform, people=(*others, person))


def without_person(platform: Platform, name: str, moment: datetime) -> Platform:
    """Return the platform in which the person's key is valid until `moment`.

    What the key signed before stays valid.
    """
    person = next((each for each in platform.people if each.name == name), None)
    if person is None:
        raise NotFound(f"platform.toml does not list {name}", hint="see goldenpath person list")
    if person.valid_until is not None and person.valid_until <= moment:
        raise InvalidInput(f"the key of {name} expired on {person.valid_until.isoformat()} already")
    if all(each.name == name or _has_left(each, moment) for each in platform.people):
        raise InvalidInput(f"{name} is the last person who can act: list somebody else first")
    people = tuple(
        replace(each, valid_until=moment) if each.name == name else each for each in platform.people
    )
    return replace(platform, people=people)


def _has_left(person: Person, moment: datetime) -> bool:
    return person.valid_until is not None and person.valid_until <= moment


def platform_files(platform: Platform) -> Mapping[str, bytes]:
    """Return `platform.toml` and every file that is generated from it, by path."""
    return {
        FILE: render_platform(platform),
        **render_cluster(platform),
        SERVER_POLICY: render_admission(admission_of(platform)),
    }
