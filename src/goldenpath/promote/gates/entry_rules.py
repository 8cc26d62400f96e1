"""The rules by which an entry into a stage is judged: those of then, by the people of today.

A platform file that is made stricter must not stop what already runs, and one that is made looser
must not admit what was refused. So stages, gates, roles, limits and what every release must show
are those of the file that was in force when the release entered. Whom the platform trusts is asked
today: a person or a key that was taken out since then counts for nothing. Neither does a person who
was not listed yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from goldenpath.promote.manifests.desired import StageEntry
from goldenpath.promote.platform.platform import Platform
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.ssh_public_key import is_same_key


@dataclass(frozen=True, slots=True)
class EntryRules:
    """The rules for a release in a stage: those of its newest entry, and those of today."""

    then: Platform
    """What judges it. Its people and keys are of today; see `rules_of_entry`."""
    today: Platform

    @property
    def differ(self) -> bool:
        """Whether the platform file changed since the release entered."""
        return self.then is not self.today


def entry_rules(today: Platform, stage: str, entries: Sequence[StageEntry]) -> EntryRules:
    """Return the rules for a release in a stage, from its entries there, the newest first.

    Without an entry, and in a stage that the file of then did not have, those of today judge.
    """
    then = entries[0].platform if entries else None
    if then is None or then == today or then.stage(stage) is None:
        return EntryRules(today, today)
    return EntryRules(rules_of_entry(then, today), today)


def rules_of_entry(then: Platform, today: Platform) -> Platform:
    """Return the platform that judges an entry, from the file of then and the file of today.

    What a release must show (`required`, `threshold`, `repository`, `builder`) is of then. Whose
    signatures count for it is of today.
    """
    people = (_as_then(each, then) for each in today.people)
    return replace(
        then,
        people=tuple(each for each in people if each is not None),
        build_keys=today.build_keys,
        commit_keys=today.commit_keys,
    )


def _as_then(person: Person, then: Platform) -> Person | None:
    """Return the person with the roles and limits of then; None if the key was not listed then."""
    known = next((each for each in then.people if is_same_key(each.ssh_key, person.ssh_key)), None)
    if known is None:
        return None
    return replace(person, roles=known.roles, models=known.models)
