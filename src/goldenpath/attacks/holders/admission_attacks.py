"""What one promoter, approver or author tries, so that a release enters that should not."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from goldenpath.attacks.holders.deployment_step import STAGE, RightsAttack
from goldenpath.attacks.holders.entry_scene import (
    EntryScene,
    admissions,
    curve_lines,
    people,
    validators_fingerprint,
)
from goldenpath.attacks.holders.given_judgements import (
    APPROVALS,
    AUTHOR,
    BOTH,
    CHAMPION,
    DAY,
    DECIDED,
    ENGINEER,
    ENTRY_TIME,
    GATES,
    HOUR,
    MANAGER,
    NAME,
    NOW,
    ORDER,
    OWN_GATE,
    RULES,
    SCANNED,
    SCIENTIST,
    SECOND,
    SOAK,
    SOURCE,
    TESTS,
    THRESHOLDS_GATE,
    VALIDATOR,
    WAIVERS,
    GivenApproval,
    GivenWaiver,
)
from goldenpath.promote.gates.fact_gates import CHECKS
from goldenpath.promote.platform.custom_gate import NamedGate
from goldenpath.promote.platform.demands import check_people
from goldenpath.release.attest.policy import Person
from goldenpath.release.evidence.contributions import Contributions, Contributor, ReleasePart

KEYS = "keys as keys"
CONTROLS = (
    *(f"gate {each}" for each in GATES), OWN_GATE, NAME, DECIDED, APPROVALS, ENTRY_TIME, WAIVERS,
    AUTHOR, KEYS, RULES,
)  # fmt: skip
_VALIDATOR, _MANAGER = BOTH
_GATES = {
    THRESHOLDS_GATE: {
        "a promoter signs that a worthless release met its limits": EntryScene(auc=0.5),
        "a promoter signs that a release met a limit that only its estimate meets": EntryScene(
            auc=0.855
        ),
    },
    SOURCE: {
        "a promoter signs that a build of changed files was clean": EntryScene(dirty=True),
    },
    TESTS: {
        "a promoter signs that failed tests passed": EntryScene(failed=(CHECKS[1],)),
        "a promoter signs that tests passed which nobody ran": EntryScene(passed=CHECKS[1:]),
    },
    SCANNED: {
        "a promoter signs that a pickle is none": EntryScene(found=("pickle",)),
        "a decision leaves out a scan that found something": EntryScene(found_later=("pickle",)),
    },
    ORDER: {
        "limits are written after the training that they judge": EntryScene(
            limits_at=NOW - 402 * DAY
        ),
        "a run is judged by other limits than those in the release": EntryScene(
            limits=b"metrics:\n  - metric: roc_auc\n    minimum: 0.1\n"
        ),
    },
    CHAMPION: {
        "a promoter signs that a release is as good as a better one": EntryScene(champion=0.97),
        "the live release is removed from the registry, so that nothing is compared": EntryScene(
            unread="the release before is gone",
            approvals=tuple(replace(each, saw_gates=False) for each in BOTH),
        ),
    },
    SOAK: {
        "a release skips the stage before": EntryScene(soaked=None),
        "a release leaves the stage before an hour early": EntryScene(soaked=7 * DAY - HOUR),
    },
}
_APPROVALS = {
    "nobody approves": EntryScene(approvals=()),
    "one person approves where two have to": EntryScene(approvals=(_VALIDATOR,)),
    "one person approves twice": EntryScene(
        approvals=(_VALIDATOR, replace(_VALIDATOR, at=NOW - 2 * HOUR))
    ),
    "a promoter approves their own promotion": EntryScene(
        approvals=(_VALIDATOR, GivenApproval(ENGINEER))
    ),
    "a person without the role approves": EntryScene(
        approvals=(_VALIDATOR, GivenApproval(SCIENTIST))
    ),
    "a person who is not listed approves": EntryScene(
        approvals=(_VALIDATOR, GivenApproval("somebody"))
    ),
    "an approval of another stage is used": EntryScene(
        approvals=(_VALIDATOR, replace(_MANAGER, stage="test"))
    ),
    "an approval of another model is used": EntryScene(
        approvals=(_VALIDATOR, replace(_MANAGER, model="fraud"))
    ),
    "an approval of other evidence is used": EntryScene(
        approvals=(_VALIDATOR, replace(_MANAGER, saw_evidence=False))
    ),
    "a refusal is counted as an approval": EntryScene(
        approvals=(_VALIDATOR, replace(_MANAGER, verdict="reject"))
    ),
    "an approval is used that the decision does not name": EntryScene(
        approvals=(_VALIDATOR, replace(_MANAGER, is_cited=False))
    ),
    "an approval is used that was given before a waiver": EntryScene(
        auc=0.84,
        waived=(THRESHOLDS_GATE,),
        waivers=(GivenWaiver(),),
        approvals=(_VALIDATOR, replace(_MANAGER, at=NOW - 4 * HOUR)),
    ),
}
_LONG_AGO = NOW - 340 * DAY
_TIMES = {
    "a decision dated back uses approvals that had ended": EntryScene(
        decided_at=_LONG_AGO,
        approvals=tuple(replace(each, at=_LONG_AGO, until=NOW - 335 * DAY) for each in BOTH),
    ),
    "who has left approves by dating back": EntryScene(
        decided_at=NOW - 11 * DAY,
        approvals=tuple(replace(each, at=NOW - 12 * DAY) for each in BOTH),
        leavers=(MANAGER,),
    ),
    "who has left promotes by dating back": EntryScene(
        decided_at=NOW - 11 * DAY,
        approvals=tuple(replace(each, at=NOW - 12 * DAY) for each in BOTH),
        leavers=(ENGINEER,),
    ),
}
_LAST = tuple(replace(each, at=NOW - HOUR / 8) for each in BOTH)
_WEAK = EntryScene(auc=0.84, waived=(THRESHOLDS_GATE,), approvals=_LAST)


def _waived(*waivers: GivenWaiver) -> EntryScene:
    return replace(_WEAK, waivers=waivers)


_WAIVERS = {
    "a decision says waived, and nobody waived": _WEAK,
    "a waiver of another gate is used": _waived(GivenWaiver(gate=SOAK)),
    "a waiver of another stage is used": _waived(GivenWaiver(stage="test")),
    "a waiver of another model is used": _waived(GivenWaiver(model="fraud")),
    "a promoter waives for their own promotion": _waived(GivenWaiver(by=ENGINEER)),
    "a person without the role waives": _waived(GivenWaiver(by=SCIENTIST)),
    "a person who is not listed waives": _waived(GivenWaiver(by="somebody")),
    "a waiver is used that has ended": _waived(
        GivenWaiver(at=NOW - 9 * DAY, until=NOW - DAY)
    ),
    "a waiver is given after the decision": _waived(GivenWaiver(at=NOW - HOUR / 4)),
    "a waiver is used that the decision does not name": _waived(GivenWaiver(is_cited=False)),
    "a waiver runs for years": _waived(GivenWaiver(until=NOW + 1000 * DAY)),
    "a waiver has no reason": _waived(GivenWaiver(reason="ok")),
}  # fmt: skip
_DECISIONS = {
    "nobody decides": EntryScene(is_decided=False),
    "a decision of another stage is used": EntryScene(decision={"stage": "test"}),
    "a decision of another model is used": EntryScene(decision={"model": "fraud"}),
    "a decision that refused is used": EntryScene(decision={"allowed": False}),
    "a decision says yes in other words": EntryScene(decision={"allowed": "true"}),
}


def _written(content: str = "1", *, gap: str = "") -> Contributions:
    """A part by the validator, and one by somebody else who committed on top."""
    people = (
        Contributor("Somebody Else <else@example>", validators_fingerprint()),
        Contributor("Some Body <body@example>"),
    )
    parts = (ReleasePart("src/train.py", content, (0,)), ReleasePart("README.md", "1", (1,)))
    return Contributions(people, parts, gap)


_AUTHORS = {
    "an author approves under a commit of somebody else": EntryScene(contributions=_written()),
    "an author waives under a commit of somebody else": EntryScene(
        contributions=_written(),
        auc=0.84,
        waived=(THRESHOLDS_GATE,),
        waivers=(GivenWaiver(),),
    ),
    "an author declares their change in git first, so that it is not new": EntryScene(
        contributions=_written(), champion=0.9, before=_written()
    ),
    "an author approved their own change before, so that it is not new": EntryScene(
        contributions=_written(),
        champion=0.9,
        before=_written(),
        before_approved_by=(VALIDATOR, MANAGER),
    ),
    "an author brings back an old state of theirs": EntryScene(
        contributions=_written("1"),
        champion=0.9,
        before=_written("2"),
        before_approved_by=(MANAGER, SECOND),
    ),
    "a build sees only the end of the history, so that nobody is the author": EntryScene(
        contributions=_written(gap="the build had a shallow clone")
    ),
    "an author approves under another --author": EntryScene(
        author="Somebody Else <else@example>", signer=validators_fingerprint()
    ),
    "an author waives for their own change under another --author": EntryScene(
        author="Somebody Else <else@example>",
        signer=validators_fingerprint(),
        auc=0.84,
        waived=(THRESHOLDS_GATE,),
        waivers=(GivenWaiver(),),
    ),
}
# Each is refused for two reasons, so that no other control than the rules of then refuses it alone.
_REFUSED = EntryScene(auc=0.5, soaked=6 * DAY)
_LOOSER = {
    "a refused release waits for a file without its gates": replace(
        _REFUSED, loosened={"gates": ("approvals",)}
    ),
    "a refused release waits for a file with a shorter soak": replace(
        _REFUSED, loosened={"soak": 2 * DAY, "gates": ("stage-before", "approvals")}
    ),
    "a refused release waits for a file without approvals": replace(
        _REFUSED, approvals=(), loosened={"approvals": 0, "gates": ("checks",)}
    ),
    "a refused release waits until its approver gets the role": replace(
        _REFUSED,
        author="another <another@example>",
        approvals=(_VALIDATOR, GivenApproval(SCIENTIST)),
        loosened={"gates": ("approvals",)},
        promoted=(SCIENTIST,),
    ),
}
_FAR = NamedGate("far", (STAGE,), "nowhere_at_all:GATE")


def _double(one: str, other: str, without: frozenset[str]) -> str:
    """Return why two lines are not listed for two people; empty if they are."""
    if KEYS in without:
        return "" if one != other else "the lines are the same text"
    faults: list[str] = []
    check_people((Person("one", (), one), Person("two", (), other)), faults)
    return "; ".join(faults)


def _token_lines() -> tuple[str, str]:
    """Return one key of a hardware token with two labels, which its owner chooses."""
    import base64

    point = bytes(range(32))
    lines = []
    for label in (b"ssh:one", b"ssh:two"):
        parts = (b"sk-ssh-ed25519@openssh.com", point, label)
        blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        lines.append(f"sk-ssh-ed25519@openssh.com {base64.b64encode(blob).decode()}")
    return lines[0], lines[1]


def _key_attacks() -> Iterable[RightsAttack]:
    whole, short = curve_lines()
    engineer = people()[0].ssh_key
    pairs = {
        "one point of a curve is listed for two people": (whole, short),
        "one key is listed for two people, once with a comment": (engineer, f"{engineer} laptop"),
        "one hardware token is listed for two people": _token_lines(),
    }
    for name, (one, other) in pairs.items():
        yield RightsAttack(name, KEYS, partial(_double, one, other))


def admission_attacks() -> tuple[RightsAttack, ...]:
    """Return the attacks on admission, and on the list of people."""
    gates = (admissions(f"gate {gate}", rows) for gate, rows in _GATES.items())
    own = {"a gate is left out because its package is missing": EntryScene(own_gates=(_FAR,))}
    other = {"an approved release runs in the place of another model": EntryScene(contract="fraud")}
    return (
        *(attack for rows in gates for attack in rows),
        *admissions(OWN_GATE, own),
        *admissions(NAME, other),
        *admissions(DECIDED, _DECISIONS),
        *admissions(APPROVALS, _APPROVALS),
        *admissions(ENTRY_TIME, _TIMES),
        *admissions(WAIVERS, _WAIVERS),
        *admissions(AUTHOR, _AUTHORS),
        *admissions(RULES, _LOOSER),
        *_key_attacks(),
    )
