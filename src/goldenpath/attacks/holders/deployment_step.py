"""A canary in production, and commits on it that one holder of a key makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.canonical import JsonValue
from goldenpath.digest import Digest
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.commit_rights import FileStep
from goldenpath.promote.manifests.deployment_files import (
    SERVICE_FILE,
    deployment_folder,
    render_deployment,
)
from goldenpath.promote.manifests.desired import (
    Deployment,
    FileForm,
    Placement,
    Rollout,
    Slot,
    slot_name,
)
from goldenpath.promote.manifests.object_names import service_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.manifests.restrictions import Files
from goldenpath.promote.manifests.routed_services import ROUTE_FILE
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

ONE, TWO, THREE = (Digest.of(name.encode()) for name in ("one", "two", "three"))
MODEL, STAGE = "credit-default", "prod"
_FOLDER = deployment_folder(STAGE, MODEL)
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


def shared(
    shares: Shares = BOTH,
    placed: Placement | bytes | None = CANARY,
    *,
    form: FileForm = "routed",
) -> FileStep:
    """Return a commit that sets the shares of releases, and writes the release file."""
    before = _canary(form)
    release = render_placement(placed) if isinstance(placed, Placement) else placed
    moved = before.moved_to(_slots(shares))
    written = render_deployment(moved, sealed_platform(), _files(before))
    return _step(before, written, release)


def recorded(*, form: FileForm = "routed", **changes: object) -> FileStep:
    """Return a commit that only changes fields of the release file."""
    return shared(placed=replace(CANARY, **changes), form=form)  # type: ignore[arg-type]


def edited(*path: str | int, value: JsonValue, form: FileForm = "routed") -> FileStep:
    """Return a commit that sets one field of the stable release's InferenceService."""
    file = f"{service_name(MODEL, ONE)}.yaml" if form == "routed" else SERVICE_FILE
    return _set(file, path, value, form)


def rerouted(*path: str | int, value: JsonValue) -> FileStep:
    """Return a commit that sets one field of the route."""
    return _set(ROUTE_FILE, path, value, "routed")


def added(file: str, content: bytes | None = None) -> FileStep:
    """Return a commit that puts one more file beside the services: that of a release, or bytes."""
    before = _canary("routed")
    more = content or _files(before)[f"{_FOLDER}/{service_name(MODEL, ONE)}.yaml"]
    return _step(before, {**_files(before), f"{_FOLDER}/{file}": more}, render_placement(CANARY))


def reformed(form: FileForm) -> FileStep:
    """Return a commit that writes the same releases in the other form."""
    before = _canary("single" if form == "routed" else "routed")
    written = render_deployment(replace(before, form=form), sealed_platform(), _files(before))
    return _step(before, written, render_placement(CANARY))


def removed(*, form: FileForm = "routed") -> FileStep:
    """Return a commit that removes every file."""
    return replace(shared(form=form), after=Files({}, None))


def unreadable(*, form: FileForm = "routed") -> FileStep:
    """Return a commit that makes a file unreadable."""
    files = dict(_files(_canary(form)))
    files[min(files)] = b"kind: ["
    return _step(_canary(form), files, render_placement(CANARY))


def brought(*, form: FileForm = "routed") -> FileStep:
    """Return a commit that adds a deployment."""
    return replace(shared(form=form), before=Files({}, None))


def _canary(form: FileForm) -> Deployment:
    return Deployment(STAGE, MODEL, _slots(BOTH), form=form)


def _slots(shares: Shares) -> tuple[Slot, ...]:
    return tuple(Slot(slot_name(digest), digest, share) for digest, share in shares)


@cache
def _files(deployment: Deployment) -> Mapping[str, bytes]:
    return render_deployment(deployment, sealed_platform())


def _set(file: str, path: Sequence[str | int], value: JsonValue, form: FileForm) -> FileStep:
    before = _canary(form)
    files = dict(_files(before))
    document = parse_yaml(files[f"{_FOLDER}/{file}"], file)
    inner: object = document
    for key in path[:-1]:
        inner = inner[key]  # type: ignore[index]
    inner[path[-1]] = value  # type: ignore[index]
    files[f"{_FOLDER}/{file}"] = render_yaml(document)
    return _step(before, files, render_placement(CANARY))


def _step(before: Deployment, after: Mapping[str, bytes], release: bytes | None) -> FileStep:
    platform = sealed_platform()
    old = Files(_files(before), render_placement(CANARY))
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
