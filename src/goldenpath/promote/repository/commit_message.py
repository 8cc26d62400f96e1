"""The message of a commit that changes a stage: a text for people, trailers for machines."""

from dataclasses import dataclass

from goldenpath.digest import Digest
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.release.attest.statement import render_time

RELEASE, STAGE, MODEL = "Release-Digest", "Stage", "Model"
DECISION, APPROVED_BY, REASON = "Decision", "Approved-By", "Reason"
APPROVAL_SIGNATURE = "Approval-Signature"
BREAK_GLASS, BREAK_GLASS_UNTIL, CONFIRMS = (
    "Break-Glass",
    "Break-Glass-Until",
    "Break-Glass-Confirmed",
)
PREVIOUS, SHARE, JUDGED = "Previous-Digest", "Traffic-Share", "Judged"
NOT_KNOWN, CHANGE = "Not-Known", "Change"
RETIRE = "retire"
"""The action of a commit that ends a model in a stage."""


@dataclass(frozen=True, slots=True)
class CommitMessage:
    """The content of the message: what changes in one deployment, why, and who agreed."""

    action: str
    """One of `promote`, `rollout`, `rollback`, `hold`, `resume`, `confirm`, `judge`, `retire`."""
    stage: str
    model: str
    digest: Digest
    reason: str
    share: int = 100
    """The release's share of the traffic, in percent."""
    previous: Digest | None = None
    decision: Digest | None = None
    approved_by: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    """The judge's numbers, one comparison each."""
    break_glass: BreakGlass | None = None
    """The break-glass record, if the commit opens one."""
    confirms: str = ""
    """The person who used break-glass, if the commit is the second person's."""
    not_known: tuple[str, ...] = ()
    """What could not be found out about who uses a model that is retired."""
    change: str = ""
    """The change of the bank that this belongs to; empty if none was named."""

    def render(self) -> str:
        """Return the message. A text by a person becomes one line, so it cannot forge a trailer."""
        subject = f"{self.stage}: {self.action} {self.model} {self.digest.short}"
        trailers = [
            (RELEASE, self.digest.text),
            (STAGE, self.stage),
            (MODEL, self.model),
            (SHARE, f"{self.share}"),
        ]
        if self.previous is not None:
            trailers.append((PREVIOUS, self.previous.text))
        if self.decision is not None:
            trailers.append((DECISION, self.decision.text))
        trailers += [(APPROVED_BY, name) for name in self.approved_by]
        if self.break_glass is not None:
            trailers.append((BREAK_GLASS, f"{self.break_glass.by}: {self.break_glass.reason}"))
            trailers.append((BREAK_GLASS_UNTIL, render_time(self.break_glass.until)))
        if self.confirms:
            trailers.append((CONFIRMS, self.confirms))
        trailers += [(JUDGED, numbers) for numbers in self.judged]
        trailers += [(NOT_KNOWN, line) for line in self.not_known]
        trailers += [(CHANGE, self.change)] if self.change else []
        trailers.append((REASON, _one_line(self.reason)))
        lines = "\n".join(f"{name}: {_one_line(value)}" for name, value in trailers)
        return f"{subject}\n\n{_one_line(self.reason)}\n\n{lines}\n"


def action_of(subject: str) -> str:
    """Return the action that the subject of a commit names; empty if it is of another form."""
    return subject.partition(": ")[2].partition(" ")[0]


def _one_line(text: str) -> str:
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(kept.split())[:2000] or "none given"
