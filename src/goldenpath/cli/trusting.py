"""Shared by the verbs that change platform.toml: one signed commit, and where it is now."""

from collections.abc import Callable

from goldenpath import compose
from goldenpath.cli.output import Format, show
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.acts.intents import TrustIntent
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.workspace.workspace import Outcome


def change_platform(
    change: Callable[[Platform], Platform],
    message: str,
    what: str,
    acting: Identity,
    *,
    output: Format,
) -> None:
    """Commit the result of `change` on the trusted platform, and show `what` was done.

    Nothing is committed if it raises.
    """
    home = compose.home()
    trusted = compose.trusted(home)
    files = platform_files(change(trusted.platform))
    done = compose.change_trust(home, trusted, files, message, acting=acting)
    show_trust(done, output, before=f"{what}: ")


def show_trust(done: Outcome[TrustIntent], output: Format, *, before: str = "") -> None:
    """Show where a change of trust is now, after the text `before`."""
    show(trust_record(done), f"{before}{trust_text(done)}", output)


def trust_record(done: Outcome[TrustIntent]) -> dict[str, object]:
    """Return a change of trust for JSON; `proposal` is the name under which it waits."""
    return {
        "commit": done.commit,
        "proposal": "" if done.commit else done.intent.proposal,
        "by": done.intent.by,
        "diff": done.diff,
        "branch": done.branch,
        "request": done.request,
    }


def trust_text(done: Outcome[TrustIntent]) -> str:
    """Return where a change of trust is now, and the next step."""
    people, proposal = done.intent.by, done.intent.proposal
    if done.commit:
        return f"commit {done.commit}, by {' and '.join(people)}"
    if done.branch:
        return (
            f"main accepts no push: the commit of {' and '.join(people)} waits in the branch "
            f"{done.branch}\n{done.request.instruction}"
        )
    can = ", ".join(people) or "nobody on the list: two people with the right roles are needed"
    return (
        f"waits as {proposal} for a second person\n"
        f"confirm it with: goldenpath confirm {proposal}, by one of: {can}"
    )
