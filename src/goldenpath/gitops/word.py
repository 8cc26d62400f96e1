"""What a person puts their word over: a release as the gates of a stage see it now."""

from dataclasses import dataclass
from datetime import datetime

from goldenpath.attest.policy import Person
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.gitops.assess import Assessed, assess
from goldenpath.gitops.identity import require_listed
from goldenpath.gitops.promotion import Desk
from goldenpath.gitops.trust import Trusted, follow
from goldenpath.promote.approval import why_not


@dataclass(frozen=True, slots=True)
class Seen:
    """A release before a person whose word counts there."""

    trusted: Trusted
    now: datetime
    person: Person
    assessed: Assessed


def seen(desk: Desk, digest: Digest, stage: str, doing: str) -> Seen:
    """What there is to see at a desk. Raises `InvalidInput` if the person's word would not count.

    `doing` is a verb and its object, for that message.
    """
    trusted = follow(desk.repository, desk.pin)
    now = desk.clock()
    person = require_listed(desk.acting, trusted.platform, now)
    assessed = assess(desk.repository, trusted, desk.store, digest, stage, "", now)
    refused = why_not(person, assessed.evidence, assessed.stage)
    if refused:
        raise InvalidInput(f"{person.name} cannot {doing} for {stage}: {refused}")
    return Seen(trusted, now, person, assessed)
