"""Where intended and observed disagree, and where they may differ without a fault.

For a while after a commit, servers and route may still follow the commit before it. A difference
then is a transition, and not a mismatch, unless no commit of that while explains it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice

from goldenpath.audit.timeline.live_model import Intent, Mismatch, Past, TrafficShare

SWITCHING = timedelta(minutes=2)
"""How long after a commit its servers and its route may still follow the commit before."""
_SKEW = timedelta(minutes=15)
"""How much earlier than the commit before it a commit may have come, as clocks differ."""


def mismatches(
    intent: Intent | None,
    past: Past,
    shares: tuple[TrafficShare, ...],
    time: datetime,
    *,
    served: frozenset[str],
) -> Iterable[Mismatch]:
    """Yield them for the commit in force, `intent`, which has its approvals, and those before."""
    is_switching = intent is not None and time - intent.time <= SWITCHING
    before = _before(past, time) if is_switching else ()
    # A slot with 0 replicas scales to zero: it may have no server until the next request.
    asleep = {s.digest.text for s in intent.slots if not s.replicas} if intent is not None else ()
    for share in shares:
        if share.digest in asleep and not share.replicas:
            continue
        yield from _unfounded(share, past, served)
        if is_switching:
            yield from _strange_share(share, before)
        else:
            yield from _differing(share)
    if _is_out(before, shares):
        yield Mismatch(
            "intended but not live",
            "no server of the releases before and after the commit was observed",
        )
    if intent is not None and intent.glass is not None:
        yield Mismatch("glass broken", intent.glass.summary(time))
    if intent is not None and any(share.replicas for share in shares):
        yield from unauthorised(intent)


def _before(past: Past, time: datetime) -> tuple[Intent, ...]:
    """Return the earlier commits that servers and route may still follow."""
    recent: list[Intent] = []
    older: Intent | None = None
    for each in islice(past, 1, None):
        if time - each.time <= SWITCHING:
            recent.append(each)
        else:
            older = older or each
            if time - each.time > SWITCHING + _SKEW:
                break
    return (*([older] if older is not None else ()), *reversed(recent))


def _unfounded(share: TrafficShare, past: Past, served: frozenset[str]) -> Iterable[Mismatch]:
    """Return servers without a commit, and answers without a server at their time."""
    short, digest = share.digest[:19], share.digest
    if share.replicas and not past.has_intended(digest):
        yield Mismatch("live without commit", f"{short} ran, but no commit had placed it")
    if share.answers and not share.replicas and digest not in served:
        yield Mismatch(
            "answers without server" if past.has_intended(digest) else "ghost release",
            f"{share.answers} answers are from {short}, but no server of it was observed",
        )


def _differing(share: TrafficShare) -> Iterable[Mismatch]:
    short = share.digest[:19]
    if share.intended and not share.replicas:
        yield Mismatch("intended but not live", f"no server of {short} was observed")
    elif share.replicas and share.observed is not None and share.observed != share.intended:
        intended = "nothing" if share.intended is None else f"{share.intended} %"
        yield Mismatch("share differs", f"{short} had {share.observed} %: git says {intended}")


def _strange_share(share: TrafficShare, before: Sequence[Intent]) -> Iterable[Mismatch]:
    """Return a share that neither the commit in force nor those just before it intend."""
    earlier = {s.percent for each in before for s in each.slots if s.digest.text == share.digest}
    if share.observed and before and share.observed not in {share.intended, *earlier}:
        yield Mismatch(
            "share differs",
            f"{share.digest[:19]} had {share.observed} %: no commit of then says so",
        )


def _is_out(before: Sequence[Intent], shares: tuple[TrafficShare, ...]) -> bool:
    """Whether nothing serves in the middle of a switch, although all commits want a server."""
    wanted = bool(before) and all(
        any(slot.percent and slot.replicas for slot in each.slots) for each in before
    )
    wants = any(share.intended for share in shares)
    return wanted and wants and not any(share.replicas for share in shares)


def unauthorised(intent: Intent) -> Iterable[Mismatch]:
    """Yield what is missing of the signatures that a commit needs."""
    if not intent.signer:
        yield Mismatch(
            "commit not signed", f"no listed key signed the commit {intent.commit[:12]} in force"
        )
    if intent.glass is not None or intent.second:
        return
    if intent.approvals_unknown:
        if intent.approvals_needed:
            yield Mismatch("approvals not known", intent.approvals_unknown)
        return
    approvers = set(intent.approved_by) - {intent.signer}
    if len(approvers) < intent.approvals_needed:
        yield Mismatch(
            "live without approval",
            f"{intent.stage} needs {intent.approvals_needed} approvals by people other than the "
            f"one who promotes: {len(approvers)} are signed for the commit {intent.commit[:12]}",
        )


def transition(intent: Intent | None, shares: tuple[TrafficShare, ...], time: datetime) -> str:
    """Return why intended and observed may differ; empty if they do not, or may not."""
    if intent is None or time - intent.time > SWITCHING or all(map(_agrees, shares)):
        return ""
    seconds = round((time - intent.time).total_seconds())
    return (
        f"the commit in force came {seconds} s before: servers and route may follow the commit "
        f"before it for up to {round(SWITCHING.total_seconds())} s"
    )


def _agrees(share: TrafficShare) -> bool:
    has_servers = not share.intended or share.replicas > 0
    return has_servers and share.observed == share.intended
