"""Changes of trust: at once while a platform is set up, by two people ever after.

The first person's commit waits in a branch of its own; the second one's signs the same files onto
`main`, with the first one's signature inside.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.platform import FILE, parse_platform
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.repository.change import APPROVED_BY
from goldenpath.promote.repository.countersign import (
    agreed,
    base_of,
    is_protected,
    set_up_is_over,
    sign_change,
    who_may_agree,
)
from goldenpath.promote.repository.identity import Identity, require_listed
from goldenpath.promote.repository.pull_request import NOT_ASKED, Forge, MergeAnswer, ask
from goldenpath.promote.repository.worktree import Protected, Repository

BRANCHES = "goldenpath/trust"


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of a change of trust."""

    commit: str
    """On `main`; empty if it waits for a second person."""
    proposal: str = ""
    """Name under which it waits; empty if it does not."""
    by: tuple[str, ...] = ()
    """Who stands for it, or who may confirm it while it waits."""
    diff: str = ""
    branch: str = ""
    """Where it waits though two people stand for it, because `main` takes no push."""
    request: MergeAnswer = NOT_ASKED
    """The pull request for that branch."""

    @property
    def words(self) -> str:
        """One sentence for people."""
        if self.commit:
            return f"commit {self.commit}, by {' and '.join(self.by)}"
        if self.branch:
            return (
                f"main takes no push: the commit of {' and '.join(self.by)} waits in the branch "
                f"{self.branch}\n{self.request.words}"
            )
        can = ", ".join(self.by) or "nobody who is listed: two people of the right roles are needed"
        return (
            f"waits as {self.proposal} for a second person\n"
            f"confirm it with: goldenpath confirm {self.proposal}, by one of: {can}"
        )


def change_trust(
    repository: Repository,
    trusted: Trusted,
    files: Mapping[str, bytes],
    message: str,
    acting: Identity,
    now: datetime,
    *,
    two: bool = False,
) -> Changed:
    """Commits `files`, or proposes them if set-up is over or `two` people are wanted anyway."""
    require_listed(acting, trusted.platform, now)
    parse_platform(files[FILE])
    parent = trusted.commit
    current = repository.blobs([f"{parent}:{path}" for path in files])
    changed: dict[str, bytes | None] = {
        path: content
        for (path, content), there in zip(files.items(), current, strict=True)
        if content != there
    }
    if not changed:
        raise InvalidInput("platform.toml says so already: nothing to do")
    if not two and not set_up_is_over(repository, parent, trusted.platform):
        commit = repository.commit(parent, changed, message, acting.name, acting.key, now)
        return Changed(commit, by=(acting.name,))
    base = base_of(repository, parent)
    signed = f"{message.rstrip()}\n\n{sign_change(base, changed, acting.name, acting.key)}"
    seed = f"{parent} {now.isoformat()} {message}".encode()
    name = Digest.of(seed).hex[:12]
    branch = f"{BRANCHES}-{name}"
    repository.commit(parent, changed, signed, acting.name, acting.key, now, branch=branch)
    return Changed("", name, who_may_agree(trusted.platform, acting.name, now))


def confirm(
    repository: Repository,
    follow: Callable[[], Trusted],
    proposal: str,
    acting: Identity,
    now: datetime,
    *,
    dry_run: bool = False,
    forge: Forge | None = None,
) -> Changed:
    """Puts on `main` what somebody else proposed.

    Raises `VerificationError` if nobody who is listed proposed it, `InvalidInput` if trust has
    changed since or `acting` is not one who may confirm it.
    """
    trusted = follow()
    require_listed(acting, trusted.platform, now)
    commit = repository.fetch_branch(f"{BRANCHES}-{proposal}")
    (found,) = repository.commits([commit])
    repository.verify(commit, trusted.platform.people)
    if len(found.parents) != 1 or not all(map(is_protected, found.paths)):
        raise InvalidInput(f"{proposal} is not a change of trust")
    base = base_of(repository, trusted.commit)
    if base != base_of(repository, found.parents[0]):
        raise InvalidInput(
            f"trust has changed since {proposal} was proposed: it is void",
            hint="propose it again on what holds now",
        )
    contents = repository.blobs([f"{commit}:{path}" for path in found.paths])
    files = dict(zip(found.paths, contents, strict=True))
    first = agreed(found, base, files, trusted.platform.people)
    able = who_may_agree(trusted.platform, first, now)
    if acting.name not in able:
        raise InvalidInput(
            f"{acting.name} cannot confirm what {first} proposed: expected one of "
            f"{', '.join(able) or 'nobody who is listed'}"
        )
    diff = repository.diff(trusted.commit, files)
    if dry_run:
        return Changed("", proposal, able, diff)
    if found.trailer(APPROVED_BY) != first:
        raise InvalidInput(f"{proposal} names another person than the one who signed it")
    place = (trusted.commit, files, found.message, acting.name, acting.key, now)
    try:
        made = repository.commit(*place)
    except Protected:
        branch = f"{BRANCHES}-{proposal}-confirmed"
        repository.commit(*place, branch=branch)
        request = ask(forge, branch, found.message)
        return Changed("", proposal, (first, acting.name), diff, branch, request)
    return Changed(made, by=(first, acting.name), diff=diff)
