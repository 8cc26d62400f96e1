"""A canary in production, and commits on it that one holder of a key makes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.commit_rights import FileStep
from goldenpath.promote.manifests.deployment_files import render_deployment, service_path
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

ONE, TWO, THREE = (Digest.of(name.encode()) for name in ("one", "two", "three"))
MODEL, STAGE = "credit-default", "prod"
CANARY = Placement(
    TWO, ONE, "https://git.example/credit", "a" * 40, Rollout((10, 50, 100)),
    (Digest.of(b"an approval"),), Digest.of(b"a decision"),
)  # fmt: skip
Shares = tuple[tuple[Digest, int], ...]
BOTH: Shares = ((ONE, 90), (TWO, 10))


def _person(name: str, *roles: str) -> Person:
    return Person(name, roles, SshKey.of(Ed25519PrivateKey.generate()).public_line)


@cache
def sealed_platform() -> Platform:
    """Return a platform on which nobody alone changes production."""
    return Platform(
        stages=(
            Stage("dev", ("evidence",)),
            Stage(STAGE, ("evidence", "approvals"), approvals=2, approver_roles=("validator",)),
        ),
        registry_prefix="registry.example/models",
        registry_store="layout:registry",
        build_keys=(),
        commit_keys=(_person("rollout"),),
        people=(_person("validator", "validator"), _person("engineer", "platform-engineer")),
        two_people=True,
    )


def shared(shares: Shares = BOTH, placed: Placement | bytes | None = CANARY) -> FileStep:
    """Return a commit that sets the shares of releases, and writes the release file."""
    release = render_placement(placed) if isinstance(placed, Placement) else placed
    return _step(_first_service(), _service(shares, _first_service()), release)


def recorded(**changes: object) -> FileStep:
    """Return a commit that only changes fields of the release file."""
    return shared(placed=replace(CANARY, **changes))  # type: ignore[arg-type]


def edited(*path: str | int, value: JsonValue) -> FileStep:
    """Return a commit that sets one field of the InferenceService."""
    before = _first_service()
    document = parse_yaml(before, STAGE)
    inner: object = document
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    if not isinstance(document, dict):
        raise InvalidInput("an InferenceService is a mapping")
    return _step(before, render_yaml(document), render_placement(CANARY))


def removed() -> FileStep:
    """Return a commit that removes both files."""
    return replace(shared(), after=Files(None, None))


def unreadable() -> FileStep:
    """Return a commit that makes the InferenceService unreadable."""
    return replace(shared(), after=Files(b"kind: [", render_placement(CANARY)))


def brought() -> FileStep:
    """Return a commit that adds a deployment."""
    return replace(shared(), before=Files(None, None))


@cache
def _first_service() -> bytes:
    return _service(BOTH, None)


@cache
def _service(shares: Shares, current: bytes | None) -> bytes:
    slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)
    files = render_deployment(Deployment(STAGE, MODEL, slots), sealed_platform(), current)
    return files[service_path(STAGE, MODEL)]


def _step(before: bytes, after: bytes, release: bytes | None) -> FileStep:
    platform = sealed_platform()
    old = Files(before, render_placement(CANARY))
    return FileStep(old, Files(after, release), platform.stages[-1], MODEL, platform)


@dataclass(frozen=True, slots=True)
class RightsAttack:
    """What a holder tries, and the control that has to refuse it."""

    name: str
    control: str
    refusal: Callable[[frozenset[str]], str]
    """Returns why it is refused without some controls; empty if it is not."""


def steps(
    control: str, refusal: Callable[[FileStep], str], rows: Mapping[str, Callable[[], FileStep]]
) -> tuple[RightsAttack, ...]:
    """Return an attack for each commit. Without the control nobody asks for the refusal."""

    def attack(name: str, step: Callable[[], FileStep]) -> RightsAttack:
        # A pure rule: its answer is the same whatever other rules are switched off.
        answer = cache(lambda: refusal(step()))
        return RightsAttack(name, control, lambda without: "" if control in without else answer())

    return tuple(attack(name, step) for name, step in rows.items())
