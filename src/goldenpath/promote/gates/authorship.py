"""Who wrote the change that a release brings into a stage: everybody who signed a part of it.

Nobody who wrote a part counts as an approver of it. A part is a file that differs from the release
that the stage ran before, if enough other people had approved that one. `git commit --author`
writes any name, so a name counts only if no listed key signed the commit.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.platform import Stage
from goldenpath.release.attest.policy import Person, Verified, newest_of
from goldenpath.release.attest.signatures.ssh_public_key import fingerprints, is_same_key
from goldenpath.release.attest.statement import APPROVAL, PROVENANCE, member
from goldenpath.release.evidence.contributions import (
    Contributions,
    Contributor,
    parse_contributions,
)
from goldenpath.release.evidence.provenance import Origin, read_provenance

_RECORD = "contributions"


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """A release that enters a stage, and the one that the stage ran before."""

    verified: Verified
    model: str
    stage: Stage
    people: tuple[Person, ...]
    before: Verified | None = None
    """None if the stage ran nothing, or it could not be read: then every part is new."""


def author_refusal(person: Person, change: ReleaseChange) -> str:
    """Return why the person counts as an author of the change; empty if they do not.

    Every valid provenance of the release counts.
    """
    try:
        accepted = _accepted(person, change)
        for signed in change.verified.of_type(PROVENANCE):
            origin = read_provenance(signed.statement.predicate)
            reason = _reason(person, origin, change.people, accepted)
            if reason:
                return reason
    except InvalidInput as error:
        return f"may be the author of the change: {error.message}"
    return ""


def is_same_person(name: str, author: str) -> bool:
    """Whether `author`, such as `Some Name <some@address>`, is listed as `name` (`some-name`)."""
    shown, _, address = author.partition("<")
    candidates = {_slug(shown), _slug(address.partition("@")[0]), _slug(address.rstrip(">"))}
    return name in candidates


def _reason(
    person: Person, origin: Origin, people: Iterable[Person], accepted: Contributions | None
) -> str:
    if _RECORD not in origin.internal:
        # A release of an earlier version recorded only who signed its commit.
        texts = (str(origin.internal.get(each, "")) for each in ("author", "signer"))
        return "is the author of the change" if _is(person, Contributor(*texts), people) else ""
    contributions = parse_contributions(origin.internal[_RECORD])
    if contributions.gap:
        return (
            f"may be the author of the change: {contributions.gap}, so nobody knows who wrote it; "
            "build it again from a clone with the whole history"
        )
    for path, writers in contributions.since(accepted).items():
        if any(_is(person, each, people) for each in writers):
            return f"is the author of the change: wrote a part of it, {path or 'a file'}"
    return ""


def _accepted(person: Person, change: ReleaseChange) -> Contributions | None:
    """Return the parts of the release before, if enough people beside this one approved it.

    Anybody may declare any release in git. Without their approvals it says nothing about its parts.
    """
    before = change.before
    if before is None:
        return None
    others = {
        each.signer
        for each in before.of_type(APPROVAL)
        if each.signer != person.name
        and each.kind == "person"
        and each.statement.predicate.get("decision") == "approve"
        and member(each.statement.predicate.get("scope"), "environment") == change.stage.name
        and member(each.statement.predicate.get("scope"), "model") == change.model
        and _may_approve(each.signer, change)
    }
    signed = newest_of(before.statements, PROVENANCE)
    if signed is None or len(others) < max(1, change.stage.approvals):
        return None
    origin = read_provenance(signed.statement.predicate)
    recorded = origin.internal.get(_RECORD)
    return None if recorded is None else parse_contributions(recorded)


def _may_approve(name: str, change: ReleaseChange) -> bool:
    roles = set(change.stage.approver_roles)
    return any(
        each.name == name and (not roles or bool(roles & set(each.roles))) for each in change.people
    )


def _is(person: Person, contributor: Contributor, people: Iterable[Person]) -> bool:
    signer = contributor.signer
    owners = [each for each in people if signer and signer in fingerprints(each.ssh_key)]
    if owners:
        return any(is_same_key(each.ssh_key, person.ssh_key) for each in owners)
    return is_same_person(person.name, contributor.author)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
