"""The rules by which an entry into a stage is judged: those of then, by the people of today.

A platform file that is made stricter must not stop what already runs, and one that is made looser
must not admit what was refused. So stages, gates, roles and limits are those of the file that was
in force when the release entered. Whom the platform trusts is asked today: a person or a key that
was taken out since then counts for nothing, and so does one that was not listed yet.
"""

from dataclasses import replace

from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key


def rules_of_entry(then: Platform, today: Platform) -> Platform:
    """Return the platform that judges an entry, from the file of then and the file of today.

    What every release must be signed with, and by which build keys, is trust: it is of today.
    """
    people = (_as_then(each, then) for each in today.people)
    return replace(
        then,
        people=tuple(each for each in people if each is not None),
        build_keys=today.build_keys,
        commit_keys=today.commit_keys,
        demands=today.demands,
    )


def _as_then(person: Person, then: Platform) -> Person | None:
    """Return the person with the roles and limits of then; None if the key was not listed then."""
    known = next((each for each in then.people if is_same_key(each.ssh_key, person.ssh_key)), None)
    if known is None:
        return None
    return replace(person, roles=known.roles, models=known.models)
