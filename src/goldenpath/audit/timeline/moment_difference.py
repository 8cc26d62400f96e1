"""What changed between two moments: releases, shares, people, policies, monitors, thresholds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldenpath.audit.timeline.live_model import LiveModel

ReadTerms = Callable[[str], Mapping[str, str]]
"""Returns what a release fixes (policy, monitors, thresholds) by name, from its digest; what cannot
be read says so."""


@dataclass(frozen=True, slots=True)
class LiveDifference:
    """One fact about a model in a stage that differs between two moments."""

    stage: str
    model: str
    what: str
    before: str
    after: str


def live_differences(
    before: Sequence[LiveModel], after: Sequence[LiveModel], read_terms: ReadTerms
) -> tuple[LiveDifference, ...]:
    """Return every difference, by stage and model. A model that is not there has empty facts."""
    sides = [{(each.stage, each.model): each for each in models} for models in (before, after)]
    names = sorted({*sides[0], *sides[1]})
    return tuple(
        difference
        for name in names
        for difference in _differences(name, sides[0].get(name), sides[1].get(name), read_terms)
    )


def _differences(
    name: tuple[str, str], before: LiveModel | None, after: LiveModel | None, read_terms: ReadTerms
) -> Iterator[LiveDifference]:
    facts = [_facts(each, read_terms) for each in (before, after)]
    for what in dict.fromkeys([*facts[0], *facts[1]]):
        one, other = (each.get(what, "") for each in facts)
        if one != other:
            yield LiveDifference(*name, what, one, other)


def _facts(live: LiveModel | None, read_terms: ReadTerms) -> dict[str, str]:
    """Return the facts about a model at one moment by name, in the order of the page."""
    if live is None:
        return {}
    intent = live.intent
    slots = intent.slots if intent is not None else ()
    facts = {
        "intended": ", ".join(f"{slot.digest} {slot.percent} %" for slot in slots),
        "observed": ", ".join(
            f"{each.digest} {each.observed} %" for each in live.shares if each.observed is not None
        ),
        "servers": ", ".join(
            f"{each.digest} {each.replicas}" for each in live.shares if each.replicas
        ),
        "certainty": live.certainty,
        "findings": "; ".join(f"{each.kind}: {each.message}" for each in live.mismatches),
    }
    if intent is not None:
        facts |= {
            "commit": intent.commit,
            "signed by": intent.signer or "nobody listed",
            "approved by": intent.approvals_unknown or ", ".join(intent.approved_by),
            "decision": intent.decision,
            "reason": intent.reason,
            "state": intent.absence,
        }
    for slot in slots[:1]:
        facts |= read_terms(slot.digest.text)
    return facts
