"""The platform file that was in force at a moment: people, keys, roles and limits of then."""

from collections.abc import Callable
from datetime import datetime

from goldenpath.promote.platform.platform import FILE, Platform
from goldenpath.promote.repository.chain_of_trust import Trusted, platform_at
from goldenpath.promote.repository.commit import Commit
from goldenpath.promote.repository.worktree import Repository


def platform_at_moment(
    repository: Repository,
    trusted: Trusted,
    came: Callable[[Commit], datetime],
    moment: datetime,
) -> Platform:
    """Return the platform file in force at the moment; the first one for an earlier moment.

    `came` returns when a commit came to `main`.
    """
    first = trusted.commit
    for commit in repository.history(FILE, to=trusted.commit):
        first = commit.id
        if came(commit) <= moment:
            break
    return platform_at(repository, first)
