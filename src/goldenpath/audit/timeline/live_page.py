"""The page of `goldenpath at`: the live releases at a moment, as text."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from goldenpath.audit.events.log_state import NEVER_BEGUN, LogStates
from goldenpath.audit.timeline.live_model import Intent, LiveModel, TrafficShare
from goldenpath.audit.timeline.moment import show_moment
from goldenpath.audit.timeline.moment_difference import LiveDifference


def render_live(models: Sequence[LiveModel], time: datetime, logs: LogStates = NEVER_BEGUN) -> str:
    """Return the page of one moment, with the faults of the logs first."""
    return "\n".join(_lines(models, time, logs))


def render_differences(
    differences: Sequence[LiveDifference], moments: tuple[datetime, datetime], logs: LogStates
) -> str:
    """Return the page of what differs between two moments, with the faults of the logs first."""
    before, after = map(show_moment, moments)
    lines = [f"from {before} to {after}", *(f"  FINDING {fault}" for fault in logs.faults)]
    place = ("", "")
    for each in differences:
        if (each.stage, each.model) != place:
            place = (each.stage, each.model)
            lines += ["", "/".join(place)]
        lines += [f"  {each.what}", f"    before  {each.before or 'nothing'}",
                  f"    after   {each.after or 'nothing'}"]  # fmt: skip
    return "\n".join(lines if differences else [*lines, "nothing that is known differs"])


def _lines(models: Sequence[LiveModel], time: datetime, logs: LogStates) -> Iterator[str]:
    local = time.astimezone()
    yield f"at {show_moment(time)} ({local:%Y-%m-%d %H:%M:%S %Z})"
    for fault in logs.faults:
        yield f"  FINDING {fault}"
    if logs.events.held:
        yield f"  audit log: {logs.events.held}"
    if not models:
        observed = "what was live is not known" if logs.events.faults else "nothing was live"
        yield f"{observed}, and git intended nothing"
    for live in models:
        yield ""
        yield from _one(live)
    yield ""
    yield "check it without goldenpath:"
    yield "  git -C GITOPS log --show-signature --first-parent -- envs/     what was intended"
    yield "  sha256sum over each line of events/*.jsonl: the next line names it as `previous`"


def _one(live: LiveModel) -> Iterator[str]:
    yield f"{live.stage}/{live.model}"
    for share in live.shares:
        yield f"  {_share(share)}"
    for process, count in sorted((live.uses or {}).items()):
        yield f"  used for {process or 'UNKNOWN: no process named'}: {count} in that minute"
    if live.certainty != "certain":
        seen = show_moment(live.seen_until) if live.seen_until else "never"
        yield f"  {live.certainty}: the last sign of life before that moment was {seen}"
    yield from _intended(live.intent)
    for mismatch in live.mismatches:
        if mismatch.kind not in ("log damaged", "log gone"):  # once, at the head of the page
            yield f"  FINDING {mismatch.kind}: {mismatch.message}"
    if live.transition:
        yield f"  in transition: {live.transition}"
    elif not live.mismatches:
        yield "  intended and observed agree"


def _intended(intent: Intent | None) -> Iterator[str]:
    if intent is None:
        yield "  intended: nothing; no commit had placed the model"
        return
    if intent.absence:
        yield f"  {intent.absence}: by this commit nothing is to run"
    yield f"  intended by commit {intent.commit[:12]} of {show_moment(intent.time)}"
    yield f"    time is     {intent.time_by}"
    yield f"    signed by   {intent.signer or 'nobody listed'}"
    unknown = f"not known: {intent.approvals_unknown}" if intent.approvals_unknown else ""
    yield f"    approved by {unknown or ', '.join(intent.approved_by) or 'nobody'}"
    if intent.second:
        yield f"    confirmed   {intent.second}, after break-glass"
    yield f"    decision    {intent.decision or 'none that is signed'}"
    yield f"    reason      {intent.reason}"


def _share(share: TrafficShare) -> str:
    routed = "not routed" if share.observed is None else f"{share.observed} %"
    intended = "not intended" if share.intended is None else f"git {share.intended} %"
    since = f", up since {show_moment(share.since)}" if share.since else ""
    servers = f"{share.replicas} server{'' if share.replicas == 1 else 's'}"
    answers = "" if share.answers is None else f", {share.answers} answers in that minute"
    return f"{share.digest}  {routed} ({intended}), {servers}{since}{answers}"
