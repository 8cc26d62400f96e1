"""Sets up a platform: keys, registry, and the first signed commit of the gitops repository.

Each step looks at what is there first, so an interrupted run is finished by the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.promote.manifests.cluster import render_cluster
from goldenpath.promote.platform.demands import Demands
from goldenpath.promote.platform.platform import FILE, GATES, URL, Platform, Stage, render_platform
from goldenpath.promote.repository.chain_of_trust import Pin, follow, write_pin
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.keys import PemSigner, generate_key, key_from_pem, public_pem
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.attest.statement import BUILDER
from goldenpath.settings import Home, tool_environment

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


@dataclass(frozen=True, slots=True)
class Founded:
    """What `found` did or found done."""

    home: str
    root: str
    """The first commit: everything that is trusted follows from it."""
    head: str
    created: tuple[str, ...]
    """What was not there before."""


@dataclass(frozen=True, slots=True)
class PlatformOptions:
    """What can be chosen when a platform is set up."""

    gateway: str
    registry_prefix: str
    roles: tuple[str, ...]
    url: str = URL


def found(
    home: Home,
    repository: Repository,
    identity: Identity,
    wishes: PlatformOptions,
    environment: Mapping[str, str],
    now: datetime,
) -> Founded:
    """Makes everything that is missing; the first commit is signed by `identity`."""
    created: list[str] = []
    try:
        home.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = _build_key(home.build_key, created)
        rollout = _rollout_key(home.rollout_key, created)
        if repository.url == str(home.gitops):
            Git(home.gitops, tool_environment(environment)).initialise()
    except OSError as error:
        raise Unavailable(
            f"{home.root} cannot be set up: {error.strerror}",
            hint="check that its disk has room and is writable",
        ) from error
    try:
        head = repository.fetch()
    except NotFound:
        person = Person(identity.name, wishes.roles, identity.key.public_line)
        platform = _platform(signer, rollout, person, wishes)
        head = repository.commit(
            None,
            platform_files(platform),
            "platform: begin\n\nStages, trust and registry of this platform.\n",
            identity.name,
            identity.key,
            now,
        )
        created.append("gitops repository")
    root = repository.between(None, head)[0]
    if not home.trust.exists():
        write_pin(home.trust, Pin(root, ""))
        created.append("trust in its first commit")
    return Founded(str(home.root), root, follow(repository, home.trust).commit, tuple(created))


def with_person(platform: Platform, person: Person) -> Platform:
    """The platform that lists `person`; one of that name gets the new key and roles."""
    others = tuple(each for each in platform.people if each.name != person.name)
    return replace(platform, people=(*others, person))


def without_person(platform: Platform, name: str, moment: datetime) -> Platform:
    """The platform in which the person's key counts until `moment`, and what it signed for ever."""
    found = next((person for person in platform.people if person.name == name), None)
    if found is None:
        raise NotFound(f"platform.toml does not list {name}", hint="see goldenpath person list")
    if found.valid_until is not None and found.valid_until <= moment:
        raise InvalidInput(f"the time of {name} ended on {found.valid_until.isoformat()} already")
    if all(each.name == name or _has_left(each, moment) for each in platform.people):
        raise InvalidInput(f"{name} is the last one who can act: list somebody else first")
    people = tuple(
        replace(each, valid_until=moment) if each.name == name else each for each in platform.people
    )
    return replace(platform, people=people)


def _has_left(person: Person, moment: datetime) -> bool:
    return person.valid_until is not None and person.valid_until <= moment


def platform_files(platform: Platform) -> Mapping[str, bytes]:
    """Everything in the gitops repository that follows from `platform.toml`."""
    return {FILE: render_platform(platform), **render_cluster(platform)}


def _platform(
    signer: PemSigner, rollout: SshKey, person: Person, wishes: PlatformOptions
) -> Platform:
    return Platform(
        stages=STAGES,
        registry_prefix=wishes.registry_prefix,
        registry_store="layout:registry",
        build_keys=(key_from_pem("release", public_pem(signer)),),
        commit_keys=(Person("rollout", (), rollout.public_line),),
        people=(person,),
        gateway=wishes.gateway,
        url=wishes.url,
        demands=Demands(builder=BUILDER),
    )


def _build_key(path: Path, created: list[str]) -> PemSigner:
    if not path.exists():
        created.append("build key")
        return generate_key(path)
    signer = PemSigner.load(path)
    public = path.with_suffix(".pub")
    if not public.exists():
        public.write_bytes(public_pem(signer))
    return signer


def _rollout_key(path: Path, created: list[str]) -> SshKey:
    if not path.exists():
        created.append("rollout key")
        return SshKey.generate(path)
    return SshKey.load(path)
