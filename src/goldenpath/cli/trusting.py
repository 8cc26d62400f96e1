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
    outcome = compose.change_trust(home, trusted, files, message, acting=acting)
    show_trust(outcome, output, before=f"{what}: ")


def show_trust(outcome: Outcome[TrustIntent], output: Format, *, before: str = "") -> None:
    """Show where a change of trust is now, after the text `before`."""
    show(trust_record(outcome), f"{before}{trust_text(outcome)}", output)


def trust_record(outcome: Outcome[TrustIntent]) -> dict[str, object]:
    """Return a change of trust for JSON; `proposal` is the name under which it waits."""
    return {
        "commit": outcome.commit,
        "proposal": "" if outcome.commit else outcome.intent.proposal,
        "by": outcome.intent.by,
        "diff": outcome.diff,
        "branch": outcome.branch,
        "request": outcome.request,
    }


def trust_text(outcome: Outcome[TrustIntent]) -> str:
    """Return where a change of trust is now, and the next step."""
    people, proposal = outcome.intent.by, outcome.intent.proposal
    if outcome.commit:
        return f"commit {outcome.commit}, by {' and '.join(people)}"
    if outcome.branch:
        return (
            f"main accepts no push: the commit of {' and '.join(people)} waits in the branch "
            f"{outcome.branch}\n{outcome.request.instruction}"
        )
    can = ", ".join(people) or "nobody on the list: two people with the right roles are needed"
    return (
        f"waits as {proposal} for a second person\n"
        f"confirm it with: goldenpath confirm {proposal}, by one of: {can}"
    )
