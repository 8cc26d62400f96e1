"""What a committer writes about approvals: trailers are text, and approvers come from signatures.

Without the control the approvers are those whom the message of the commit names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from goldenpath.attacks.holders.deployment_step import MODEL, STAGE, TWO, RightsAttack
from goldenpath.attacks.holders.entry_scene import people
from goldenpath.attacks.holders.given_judgements import (
    DAY,
    ENGINEER,
    HOUR,
    MANAGER,
    NOW,
    VALIDATOR,
    GivenApproval,
)
from goldenpath.audit.timeline.live_model import Intent
from goldenpath.audit.timeline.signed_approvals import with_approvals
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Slot, slot_name
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.promote.repository.commit import parse_trailers
from goldenpath.promote.repository.commit_message import APPROVED_BY
from goldenpath.release.attest.policy import SignedStatement, Verified

SIGNED_APPROVERS = "signed approvers"
_NAMES = f"{APPROVED_BY}: {VALIDATOR}\n{APPROVED_BY}: {MANAGER}\n"


@dataclass(frozen=True, slots=True)
class WrittenRecord:
    """The message of a commit, and the approvals that are signed about its release."""

    message: str
    approvals: tuple[GivenApproval, ...] = ()
    committed: datetime = NOW

    def refusal(self, without: frozenset[str]) -> str:
        """Return why the names are not shown as approvers; empty if two are."""
        if SIGNED_APPROVERS in without:
            shown = parse_trailers(self.message).get(APPROVED_BY, ())
        else:
            shown = with_approvals(self._intent(), self._verified(), _platform()).approved_by
        if len(set(shown)) >= 2:
            return ""
        return f"signed approvals are of {', '.join(shown) or 'nobody'}"

    def _intent(self) -> Intent:
        slots = (Slot(slot_name(TWO), TWO, 100),)
        return Intent(self.committed, STAGE, MODEL, "c" * 40, slots, ENGINEER, ENGINEER)

    def _verified(self) -> Verified:
        signed = tuple(
            SignedStatement(
                each.statement([]), each.by, Digest.of(f"{each.by} {number}".encode()), "person"
            )
            for number, each in enumerate(self.approvals)
        )
        return Verified(TWO, signed, ())


def _platform() -> Platform:
    return Platform(
        stages=(Stage(STAGE, ("approvals",), approvals=2),),
        registry_prefix="registry.example/models",
        registry_store="layout:registry",
        build_keys=(),
        commit_keys=(),
        people=people(),
    )


def _two(**changes: object) -> tuple[GivenApproval, ...]:
    return tuple(GivenApproval(each, **changes) for each in (VALIDATOR, MANAGER))  # type: ignore[arg-type]


_RECORDS: Mapping[str, WrittenRecord] = {
    "a committer names two approvers in trailers": WrittenRecord(f"prod: promote\n\n{_NAMES}"),
    "a committer names approvers beside a decision and a reason": WrittenRecord(
        f"prod: promote\n\nRelease-Digest: {TWO}\nDecision: {TWO}\n{_NAMES}Reason: all passed\n"
    ),
    "a committer names people who approved for another stage": WrittenRecord(
        f"prod: promote\n\n{_NAMES}", _two(stage="test")
    ),
    "a committer names people who approved another model": WrittenRecord(
        f"prod: promote\n\n{_NAMES}", _two(model="fraud")
    ),
    "a committer names people who approved later": WrittenRecord(
        f"prod: promote\n\n{_NAMES}", _two(at=NOW), NOW - HOUR
    ),
    "a committer names people whose approvals had ended": WrittenRecord(
        f"prod: promote\n\n{_NAMES}", _two(at=NOW - 40 * DAY, until=NOW - 10 * DAY)
    ),
    "a committer names people who refused": WrittenRecord(
        f"prod: promote\n\n{_NAMES}", _two(verdict="reject")
    ),
}


def record_attacks() -> tuple[RightsAttack, ...]:
    """Return the attacks."""
    return tuple(
        RightsAttack(name, SIGNED_APPROVERS, partial(_refusal, record))
        for name, record in _RECORDS.items()
    )


def _refusal(record: WrittenRecord, without: frozenset[str]) -> str:
    return record.refusal(without)
