"""Who wrote the change that a release was built from: whoever signed its commit.

`git commit --author` writes any name, so a name counts only if no listed key signed the commit.
"""

import re
from collections.abc import Iterable

from goldenpath.release.attest.policy import Person, Verified
from goldenpath.release.attest.signatures.ssh_public_key import fingerprints, is_same_key
from goldenpath.release.attest.statement import PROVENANCE
from goldenpath.release.evidence.provenance import Origin, read_provenance


def is_author(person: Person, verified: Verified, people: Iterable[Person]) -> bool:
    """Whether the person wrote the change, by any valid provenance of the release."""
    listed = tuple(people)
    origins = (read_provenance(each.statement.predicate) for each in verified.of_type(PROVENANCE))
    return any(_wrote(person, origin, listed) for origin in origins)


def is_same_person(name: str, author: str) -> bool:
    """Whether `author`, such as `Some Name <some@address>`, is listed as `name` (`some-name`)."""
    shown, _, address = author.partition("<")
    candidates = {_slug(shown), _slug(address.partition("@")[0]), _slug(address.rstrip(">"))}
    return name in candidates


def _wrote(person: Person, origin: Origin, people: Iterable[Person]) -> bool:
    signer = str(origin.internal.get("signer", ""))
    owners = [each for each in people if signer and signer in fingerprints(each.ssh_key)]
    if owners:
        return any(is_same_key(each.ssh_key, person.ssh_key) for each in owners)
    return is_same_person(person.name, str(origin.internal.get("author", "")))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
