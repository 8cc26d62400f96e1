"""A notice: what the receiver of an alarm reads, whatever the channel.

A notice says what happened, since when, what kind of change it is, what it does to decisions, what
else changed near it, who answers for it, and where the runbook is.
"""

from typing import Literal

import msgspec

from goldenpath.parsers.shown_text import one_line

NoticeState = Literal["open", "resolved", "closed"]
MOST_TEXT = 4_000
"""Letters of the longest text in a notice. The finding itself has the rest."""
RENEWABLE_KINDS = ("shift", "new code", "missing", "pair", "group")
"""Kinds of findings for which other data may help, so that an alarm names `goldenpath renew`."""
TITLES = {
    "shift": "distribution shifted",
    "new code": "new code",
    "missing": "values missing",
    "refused": "requests refused",
    "pair": "features go together otherwise",
    "volume": "number of requests unusual",
    "refusals": "many requests refused",
    "group": "decisions about a group changed",
    "unobserved": "release not observed",
    "advisory": "known vulnerability",
    "platform": "platform alarm",
}
"""A title for each kind of finding. Kinds that are not here are their own title."""


class NearbyChange(msgspec.Struct, frozen=True):
    """Something that changed near the onset: a deployment, a step of a canary, or new data."""

    time: str
    what: str
    by: str
    release: str = ""


class Notice(msgspec.Struct, frozen=True):
    """One message about a finding, when it opens or ends. Times are RFC 3339 in UTC."""

    finding: str
    """Id of the finding."""
    state: NoticeState
    kind: str
    """That of the finding, as `shift` or `volume`, or the kind of a platform alarm."""
    stage: str
    model: str
    release: str
    what: str
    """One sentence."""
    opened_at: str
    since: str = ""
    """Estimated onset; empty if it is not known."""
    ended_at: str = ""
    features: tuple[str, ...] = ()
    new_values: tuple[str, ...] = ()
    """Values that the reference does not have."""
    effect: str = ""
    """What it does to decisions, as far as it is known."""
    nearby: tuple[NearbyChange, ...] = ()
    owner: str = ""
    runbook: str = ""
    closed_by: str = ""
    reason: str = ""
    version: int = 1

    @property
    def key(self) -> str:
        """The name of this message. A receiver that gets it twice knows it by this name."""
        return f"{self.finding}.{self.state}"

    @property
    def where(self) -> str:
        """The deployment, or the machine as a whole."""
        return "/".join(filter(None, (self.stage, self.model))) or "machine"

    @property
    def title(self) -> str:
        """One line: state, deployment, kind and features."""
        about = f" in {', '.join(self.features[:3])}" if self.features else ""
        return one_line(f"[{self.state}] {self.where}: {TITLES.get(self.kind, self.kind)}{about}")


def notice_text(notice: Notice) -> str:
    """Return the notice for people, one fact a line."""
    lines = [one_line(notice.what, MOST_TEXT), ""]
    release = notice.release or "none"
    facts = [
        ("finding", f"{notice.finding} ({notice.state})"),
        ("deployment", notice.where),
        ("release", release),
        ("kind", TITLES.get(notice.kind, notice.kind)),
        ("features", ", ".join(notice.features)),
        ("new values", ", ".join(notice.new_values)),
        ("since", notice.since or "not known"),
        ("opened", notice.opened_at),
        ("ended", notice.ended_at),
        ("decisions", notice.effect or "the effect is not known"),
        ("owner", notice.owner or "nobody is named in platform.toml"),
        ("runbook", notice.runbook or "none is named in platform.toml"),
        ("closed by", notice.closed_by),
        ("reason", notice.reason),
    ]
    lines += [f"{name + ':':12} {one_line(text, MOST_TEXT)}" for name, text in facts if text]
    lines += ["", "Changes near it:" if notice.nearby else "Changes near it: none recorded here"]
    lines += [f"  {_change_line(each)}" for each in notice.nearby]
    if notice.state == "open":
        close = f"goldenpath findings close {notice.finding} --as PERSON --reason REASON"
        lines += ["", f"To close it: {close}"]
        if notice.kind in RENEWABLE_KINDS:
            renew = f"goldenpath renew {notice.model} --until DAY --finding {notice.finding}"
            lines += [f"To train again with data up to a day: {renew} --as PERSON"]
    return "\n".join(lines) + "\n"


def _change_line(change: NearbyChange) -> str:
    release = f" ({change.release[:19]})" if change.release else ""
    return one_line(f"{change.time} {change.what} by {change.by}{release}")
