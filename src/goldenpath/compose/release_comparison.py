"""Facts about a release, under the trust of this machine or of a file."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from goldenpath.audit.timeline.intent import read_history
from goldenpath.canonical import JsonValue, canonical_json, parse_json
from goldenpath.compose.gitops_access import gitops, trusted
from goldenpath.compose.process_context import now
from goldenpath.compose.stores import locate
from goldenpath.digest import Digest
from goldenpath.errors import NotFound, Unavailable
from goldenpath.home import Home
from goldenpath.oci.descriptor import Descriptor
from goldenpath.oci.names import find
from goldenpath.oci.store import Store
from goldenpath.parsers.toml_parser import MAX_TOML
from goldenpath.parsers.typed import read_bounded
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.platform.platform import Platform, parse_platform
from goldenpath.promote.repository.chain_of_trust import Trusted, platform_at
from goldenpath.release.attest.policy import Person, Policy
from goldenpath.release.evidence.difference import Fact, Facts
from goldenpath.release.evidence.release_facts import TrustedStatements, facts, standing


@dataclass(frozen=True, slots=True)
class Known:
    """A release, and what is verified about it here."""

    store: Store
    descriptor: Descriptor
    standing: TrustedStatements

    @property
    def digest(self) -> Digest:
        """The release."""
        return self.descriptor.digest


@dataclass(frozen=True, slots=True)
class LocalTrust:
    """Whose signatures are trusted; nobody's where no platform was ever set up."""

    policy: Policy
    people: tuple[Person, ...] = ()
    followed: Trusted | None = None
    """The commit of the gitops repository with that trust; None if it is from a file."""
    missing: str = ""
    """Why there is no trust, so that nothing can be verified; empty if there is."""

    def known(self, home: Home, reference: str) -> Known:
        """Find the release and verify its statements. Raises `NotFound`."""
        store, name = locate(reference, home)
        descriptor = find(store, name)
        return Known(
            store,
            descriptor,
            standing(store, descriptor.digest, self.policy, self.people, now=now()),
        )


def trust(home: Home, file: Path | None) -> LocalTrust:
    """Return the trust of `file`, a `platform.toml`, else of the gitops repository."""
    if file is not None:
        return _trust(parse_platform(read_bounded(file, MAX_TOML)))
    try:
        followed = trusted(home)
    except (NotFound, Unavailable) as error:
        # The content of a release can be shown without trust; the missing trust is reported.
        return LocalTrust(Policy((), ()), missing=error.message)
    return _trust(followed.platform, followed)


def compared(home: Home, trust: LocalTrust, before: Known, after: Known) -> tuple[Facts, Facts]:
    """Return the facts about both. Large layers that both have are not read."""
    both = before.standing.layers & after.standing.layers
    sides = (before, after)
    placed = _placed(home, trust, {each.digest for each in sides})
    both_sides = []
    for side in sides:
        own = dict(facts(side.store, side.digest, side.standing, both))
        if side.digest in placed and trust.followed is not None:
            commit = trust.followed.commit[:12]
            own["gitops policy"] = Fact(placed[side.digest], "verified", f"commit {commit}")
        both_sides.append(own)
    return both_sides[0], both_sides[1]


def _placed(
    home: Home, trust: LocalTrust, digests: set[Digest]
) -> dict[Digest, dict[str, JsonValue]]:
    """Return, by release and stage, what `platform.toml` demanded when it last entered."""
    demands: dict[Digest, dict[str, JsonValue]] = {}
    if trust.followed is None:
        return demands
    repository = gitops(home)
    for intent in read_history(repository, trust.followed.commit):
        for slot in intent.slots:
            if slot.digest in digests:
                platform = platform_at(repository, intent.commit)
                demands.setdefault(slot.digest, {})[intent.stage] = _demands(platform, intent.stage)
    return demands


def _demands(platform: Platform, stage: str) -> JsonValue:
    declared = platform.stage(stage)
    written = [each for each in platform.own_gates if stage in each.stages]
    value = {"stage": None if declared is None else declared, "written-gates": written}
    return parse_json(canonical_json(msgspec.to_builtins(value, enc_hook=str)), "policy")


def _trust(platform: Platform, followed: Trusted | None = None) -> LocalTrust:
    return LocalTrust(release_policy(platform), platform.people, followed)
