"""The text after an approval: who approved what, having seen what."""

from goldenpath.promote.acts.intents import Approval
from goldenpath.promote.gates.approval import SeenReport
from goldenpath.promote.workspace.workspace import Outcome


def approval_page(outcome: Outcome[Approval], seen: SeenReport) -> str:
    """Return the text for people."""
    intent = outcome.intent
    lines = [
        f"{intent.person} approved {intent.digest} for {intent.stage} "
        f"until {intent.until.isoformat(timespec='seconds')}",
        f"over {len(intent.evidence)} signed statements, as {outcome.envelope}",
        f"having seen {len(seen.gaps)} gaps of the report {seen.digest}, as of {seen.as_of}",
        f"the report is kept as reports/{seen.digest.hex}.md in the home",
    ]
    if intent.confirms:
        where = f"commit {outcome.commit}" if outcome.commit else ""
        where = where or f"waits in the branch {outcome.branch}"
        lines.append(f"confirms the break-glass change of {intent.confirms}: {where}")
        if outcome.branch:
            lines.append(outcome.request.instruction)
    return "\n".join(lines)
