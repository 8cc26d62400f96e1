"""What of a long answer is shown: the rows that a person looks for, a page at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from goldenpath.console.verb_answer import VerbAnswer

Values = Mapping[str, str]
Answers = Mapping[str, VerbAnswer]
Record = Any
"""A record of a verb, or a part of one: whatever it prints as JSON."""
CARDS, ROWS, PARTS = 24, 50, 100
"""How many are on a page."""


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The rows of one page, and where the others are."""

    rows: Sequence[Record]
    found: int
    """How many rows there are on all pages."""
    whole: int
    """How many there are without a filter."""
    page: int
    pages: int
    address: str
    """Where the pages are."""
    values: Values

    def at(self, page: int) -> str:
        """Return the address of another page of the same rows."""
        return f"{self.address}?{urlencode({**self.values, 'page': str(page)})}"


@dataclass(frozen=True, slots=True)
class RoadCard:
    """A system by the register, with what runs of it by the status."""

    system: Record
    running: Mapping[str, Record]
    """The deployments that run now, by stage."""


def road_cards(values: Values, answers: Answers) -> ChosenRows:
    """Return the models whose name, stage and state are asked for."""
    status = answers["status"]
    running: dict[str, dict[str, Record]] = {}
    # What a status says that nobody keeps up to date is not shown as what runs now.
    if not status.notes:
        for each in field(status.record, "deployments", ()):
            stage, _, model = str(field(each, "name", "")).partition("/")
            running.setdefault(model, {})[stage] = each

    def card(system: Record) -> RoadCard:
        return RoadCard(system, running.get(field(system, "model", ""), {}))

    systems = field(answers["register"].record, "systems", ())
    found = [each for each in systems if _is_asked(each, values)]
    return _page(found, len(systems), values, "/", size=CARDS, show=card)


def _is_asked(system: Record, values: Values) -> bool:
    wanted, stage = values.get("state", ""), values.get("in", "")
    if values.get("find", "") not in field(system, "model", ""):
        return False
    if wanted == "findings" and not field(system, "findings", ()):
        return False
    state = "" if wanted == "findings" else wanted
    if not state and not stage:
        return True
    return any(
        stage in ("", field(each, "stage", "")) and state in ("", field(each, "state", ""))
        for each in field(system, "stages", ())
    )


def finding_rows(values: Values, answers: Answers) -> ChosenRows:
    """Return the findings about the models that are asked for."""
    return _about_models(answers, values, "/registers/findings", lambda each: each.finding)


def live_rows(values: Values, answers: Answers) -> ChosenRows:
    """Return what was live of the models that are asked for."""
    return _about_models(answers, values, "/time", lambda each: each)


def event_rows(values: Values, answers: Answers) -> ChosenRows:
    """Return the events about the models that are asked for, the newest first."""
    return _about_models(answers, values, "/registers/events", lambda each: each, is_reversed=True)


def part_rows(values: Values, answers: Answers) -> ChosenRows:
    """Return the parts of a release whose name or address has the text that is asked for."""
    everything = field(answers["answer"].record, "parts", ())
    text = values.get("part", "").lower()
    found = [each for each in everything if text in each.name.lower() or text in each.purl.lower()]
    others = {name: value for name, value in values.items() if name != "release"}
    address = f"/parts/{values['release']}"
    return _page(found, len(everything), others, address, size=PARTS)


def releases_of(values: Values, answers: Answers) -> Sequence[Record]:
    """Return the first event of each release of the model that is asked for, the newest first."""
    first: dict[str, Record] = {}
    for event in record_of(answers) or ():
        digest = field(event, "digest", "")
        if digest and field(event, "model", "") == values["model"]:
            first.setdefault(digest, event)
    return list(reversed(first.values()))


def _about_models(
    answers: Answers,
    values: Values,
    address: str,
    subject: Callable[[Record], Record],
    *,
    is_reversed: bool = False,
) -> ChosenRows:
    everything = list(record_of(answers) or ())
    text = values.get("find", "")
    found = [each for each in everything if text in (field(subject(each), "model", "") or "")]
    if is_reversed:
        found.reverse()
    return _page(found, len(everything), values, address)


def _page(
    found: Sequence[Record],
    whole: int,
    values: Values,
    address: str,
    *,
    size: int = ROWS,
    show: Callable[[Record], Record] = lambda each: each,
) -> ChosenRows:
    pages = max(-(-len(found) // size), 1)
    page = min(int(values.get("page", "1")), pages)
    rows = [show(each) for each in found[(page - 1) * size : page * size]]
    return ChosenRows(rows, len(found), whole, page, pages, address, values)


def record_of(answers: Answers, name: str = "answer") -> Record:
    """Return the record of an answer; None if there is none."""
    return answers[name].record


def field(record: Record, name: str, default: Record) -> Record:
    """Return a member of a record or of its JSON; `default` if there is none."""
    if isinstance(record, Mapping):
        return record.get(name, default)
    return getattr(record, name, default)
