"""`release.yaml`: how a release got into its stage. Argo CD does not sync this file."""

from itertools import pairwise
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.parsers.shown_text import one_line
from goldenpath.parsers.typed import typed
from goldenpath.parsers.yaml_parser import parse_yaml, render_yaml
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.manifests.unreadable_file import refuse_unreadable
from goldenpath.promote.platform.break_glass import BreakGlass
from goldenpath.release.attest.statement import parse_time
from goldenpath.stored_formats import PLACEMENT

_MOST_TEXT = 2000
"""Letters of a reason that are read: it is shown on every page about its deployment."""
_Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z", title="a digest sha256:…")]


class _Source(msgspec.Struct):
    repository: str = ""
    commit: str = ""


class _Rollout(msgspec.Struct):
    steps: tuple[int, ...]
    criteria: dict[str, float] = {}
    judge: Literal["person", "auto"] = "person"


class _BreakGlass(msgspec.Struct):
    by: str
    reason: str
    since: str
    until: str


class _ReleaseFile(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    version: Literal[1]
    digest: _Digest
    source: _Source
    rollout: _Rollout
    previous: _Digest | None = None
    rolled_back: _Digest | None = None
    approvals: tuple[_Digest, ...] = ()
    decision: _Digest | None = None
    hold: str = ""
    break_glass: _BreakGlass | None = None
    judged: tuple[str, ...] = ()


def render_placement(placement: Placement) -> bytes:
    """Return the file. Each digest is a scalar value, so that other tools can change it too."""
    return render_yaml(
        {
            "version": PLACEMENT.version,
            "digest": placement.digest.text,
            "previous": _text(placement.previous),
            "rolledBack": _text(placement.rolled_back),
            "source": {"repository": placement.repository, "commit": placement.commit},
            "rollout": {
                "steps": list(placement.rollout.steps),
                "criteria": dict(placement.rollout.criteria),
                "judge": placement.rollout.judge,
            },
            "approvals": [digest.text for digest in placement.approvals],
            "decision": _text(placement.decision),
            **({"hold": placement.hold} if placement.hold else {}),
            **({"judged": list(placement.judged)} if placement.judged else {}),
            **({"breakGlass": placement.break_glass.to_json()} if placement.break_glass else {}),
        }
    )


def parse_placement(content: bytes, what: str = "release.yaml") -> Placement:
    """Parse the file. Raises `InvalidInput` that names the file and all its faults."""
    refuse_unreadable(content, what)
    value = parse_yaml(content, what)
    if isinstance(value, dict):
        PLACEMENT.refuse_newer(value.get("version"), what)
    file = typed(value, _ReleaseFile, what)
    return Placement(
        digest=Digest(file.digest),
        previous=_digest(file.previous),
        rolled_back=_digest(file.rolled_back),
        repository=file.source.repository,
        commit=file.source.commit,
        rollout=Rollout(
            check_steps(file.rollout.steps, what), file.rollout.criteria, file.rollout.judge
        ),
        approvals=tuple(map(Digest, file.approvals)),
        decision=_digest(file.decision),
        hold=_reason(file.hold),
        judged=file.judged,
        break_glass=_break_glass(file.break_glass),
    )


def is_marked(content: bytes | None) -> bool:
    """Whether a release file may hold a restriction; the many that cannot are not parsed."""
    # A backslash may be an escape that spells one of the two keys.
    return content is not None and any(mark in content for mark in (b"hold", b"breakGlass", b"\\"))


def check_steps(steps: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Return `steps`. Raises `InvalidInput` unless they rise and end at 100."""
    rising = all(left < right for left, right in pairwise(steps))
    if not steps or steps[-1] != 100 or steps[0] < 0 or not rising:
        shown = ", ".join(map(str, steps)) or "nothing"
        raise InvalidInput(f"{what} has the steps {shown}, expected rising numbers that end at 100")
    return steps


def _text(digest: Digest | None) -> str | None:
    return None if digest is None else digest.text


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest(text)


def _reason(text: str) -> str:
    """Return a text for one line of a page. A hold without visible letters is a hold, too."""
    return one_line(text, _MOST_TEXT) or (text and "no text that can be shown")


def _break_glass(record: _BreakGlass | None) -> BreakGlass | None:
    if record is None:
        return None
    return BreakGlass(
        _reason(record.by),
        _reason(record.reason),
        parse_time(record.since),
        parse_time(record.until),
    )
