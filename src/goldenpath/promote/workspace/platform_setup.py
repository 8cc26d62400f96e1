"""Sets up a platform: keys, registry, and the first signed commit of the gitops repository.

Each step first checks what exists, so the next run finishes an interrupted one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.errors import NotFound, Unavailable
from goldenpath.home import Home
from goldenpath.promote.acts.founding import FoundingScene, PlatformOptions, begin
from goldenpath.promote.repository.chain_of_trust import Pin, follow, write_pin
from goldenpath.promote.repository.first_seen import FirstSeen, Sighting
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.publication import Draft, publish_draft
from goldenpath.release.attest.keys import PemSigner, generate_key, key_from_pem, public_pem
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.settings import tool_environment


@dataclass(frozen=True, slots=True)
class Founded:
    """The platform after `found`, and what was created."""

    home: str
    root: str
    """The first commit, from which all trust follows."""
    head: str
    created: tuple[str, ...]
    """The parts that did not exist before."""


def found(
    home: Home,
    repository: Repository,
    identity: Identity,
    options: PlatformOptions,
    *,
    environment: Mapping[str, str],
    now: datetime,
) -> Founded:
    """Create everything that is missing. `identity` signs the first commit."""
    created: list[str] = []
    try:
        home.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = _build_key(home.build_key, created)
        rollout = _ssh_key(home.rollout_key, "rollout key", created)
        witness = _ssh_key(home.witness_key, "witness key", created)
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
        scene = FoundingScene(
            identity.name,
            identity.key.public_line,
            rollout.public_line,
            key_from_pem("release", public_pem(signer)),
            now,
            witness.public_line,
        )
        intent = begin(scene, options)
        draft = Draft(intent.parent, intent.time, intent.files, intent.message)
        head = publish_draft(repository, draft, identity).commit
        times = FirstSeen.beside(home.trust)
        times.begin(now, is_upgrade=False)
        times.keep({head: Sighting(now, now)})
        created.append("gitops repository")
    root = repository.between(None, head)[0]
    if not home.trust.exists():
        write_pin(home.trust, Pin(root, ""))
        created.append("trust in its first commit")
    return Founded(str(home.root), root, follow(repository, home.trust, now).commit, tuple(created))


def _build_key(path: Path, created: list[str]) -> PemSigner:
    if not path.exists():
        created.append("build key")
        return generate_key(path)
    signer = PemSigner.load(path)
    public = path.with_suffix(".pub")
    if not public.exists():
        public.write_bytes(public_pem(signer))
    return signer


def _ssh_key(path: Path, what: str, created: list[str]) -> SshKey:
    if not path.exists():
        created.append(what)
        return SshKey.generate(path)
    return SshKey.load(path)
