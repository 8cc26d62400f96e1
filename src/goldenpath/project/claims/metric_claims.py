"""Numbers that a text gives for a metric, compared with the signed evaluation.

A number agrees if it is the measured value rounded, or lies in its interval: texts are written
before the build whose evaluation judges them. A number about another model or about a condition
("if the AUC falls below 0.8") is no claim about this release.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import MeasuredMetric, ReleaseFacts
from goldenpath.project.claims.quoted_numbers import QuotedNumber, quoted_numbers
from goldenpath.project.claims.sentences import OTHER_MODEL, Sentence

_NAMES = (
    ("", r"pr[\s_-]?auc|auc[\s_-]?pr|average precision|area under the precision[\s-]recall curve"),
    ("roc_auc", r"roc[\s_-]*auc|auc[\s_-]*roc|auroc|auc|c[\s-]statistic"
     r"|area under (?:the )?(?:roc |receiver[\s-]operating[\s-]characteristic )?curve"
     r"|fläche unter der (?:roc-)?kurve|aire sous la courbe(?: roc)?"),
    ("gini", r"gini(?:[\s-]?(?:coefficient|index|koeffizient))?|coefficient de gini"
     r"|accuracy ratio"),
    ("brier", r"(?:score de )?brier(?:[\s_-](?:score|wert))?"),
    ("log_loss", r"log(?:arithmic)?[\s_-]?loss|cross[\s_-]entropy"),
    ("expected_calibration_error", r"(?:expected[\s_-])?calibration[\s_-]error|ece"),
    ("acceptance_rate", r"(?:acceptance|approval)[\s_-]rate|annahmequote"
     r"|taux d['\u2019]acceptation"),
    ("accuracy", r"accuracy|genauigkeit|treffergenauigkeit|exactitude|taux de bonnes réponses"),
    ("macro_f1", r"(?:macro[\s_-]?)?f1(?:[\s_-]score)?"),
    ("recall", r"recall|sensitivity|true[\s-]positive rate|sensitivität|trefferquote|rappel"
     r"|sensibilité"),
    ("precision", r"precision|präzision|précision"),
    ("mean_absolute_error", r"mean[\s_-]absolute[\s_-]error|mae"
     r"|mittlerer? absoluter? fehler|erreur absolue moyenne"),
    ("root_mean_squared_error", r"root[\s_-]mean[\s_-]squared?[\s_-]error|rmse"),
    ("r_squared", r"r[\s_-]?squared|r\^?2|coefficient of determination"),
    ("actual_to_expected", r"actual[\s_-]to[\s_-]expected(?: ratio)?"),
    ("", r"kolmogorov[\s-]smirnov(?: statistic)?|ks statistic|specificity|false[\s-]positive rate"
     r"|false[\s-]negative rate|error rate|mape|f-?beta|mcc|matthews correlation(?: coefficient)?"),
)  # fmt: skip
"""The measured metric for each way to write its name; empty for one that is never measured."""

_UNBOUNDED = frozenset({"mean_absolute_error", "root_mean_squared_error", "log_loss", "bias"})
_LOWER = re.compile(
    r"at least|minimum|min\.|not (?:be )?(?:below|under)|no (?:less|lower|worse) than|above|over|"
    r"(?:more|greater|higher|better) than|exceed\w*|mindestens|über|größer als|nicht unter|"
    r"au moins|minimum de|supérieure? à|au-dessus|>|≥",
    re.IGNORECASE,
)
_UPPER = re.compile(
    r"at most|maximum|max\.|below|under|up to|not (?:be )?above|"
    r"(?:less|lower|smaller) than|no (?:more|higher|worse) than|höchstens|unter|kleiner als|"
    r"au plus|inférieure? à|au-dessous|<|≤",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|whenever|unless|until|should|would|could|target|goal|aims?|alarms?|alerts?"
    r"|triggers?|falls?|drops?|rises?|worsens?|wenn|sobald|sollte|würde|bis|ziel|fällt|sinkt|steigt"
    r"|si|lorsque|devrait|serait|jusqu\w*|objectif|tombe|baisse)\b",
    re.IGNORECASE,
)
_DEMAND = re.compile(
    r"\b(?:must|limit|limits|threshold|thresholds|requires?|required|muss|müssen|grenzwert|grenze"
    r"|doit|doivent|limite|seuil)\b",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"\b(?:than|above|over|beats?|versus|vs|against|unlike|als|que|contre)\b", re.IGNORECASE
)
_NOT_THE_VALUE = re.compile(
    r"\b(?:cut-?offs?|thresholds?|confidence|level|version|section|chapter|art\.?|aged?|years?|seed|page|n)"
    r"\s*(?:of|is|[=:(])?\s*$",
    re.IGNORECASE,
)
_AT_A_SCORE = re.compile(
    r"\bat (?:an? |the )?(?:score |probability )?(?:of |below )?$", re.IGNORECASE
)
_COUNTED = re.compile(
    r"\s*(?:rows|clients|customers|persons|people|cases|records|years|months|days|groups|features)\b"
    r"|\s*[-\u2013]?\s*(?:confidence|interval|ci\b)",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"\b(?:group|groups|among|women|men|female|male|young(?:er|est)?|old(?:er|est)|aged|region|"
    r"segment|worst|lowest|best|per|each|every|smallest|frauen|männern?|gruppen?|jede[rsmn]?"
    r"|femmes|hommes|groupes?|chaque|chez)\b",
    re.IGNORECASE,
)
_OF_SOMETHING = re.compile(
    r"\s+of\s+(?:the\s+)?(?:amounts?|labels?|data|sources?|inputs?|dates?|records?|addresses)\b",
    re.IGNORECASE,
)
"""What follows a word such as accuracy that is not about the answers."""
_ADJACENT = re.compile(
    r"[\s:=|(`]*(?:of|is|was|value|von|ist|beträgt|liegt bei|de|est(?: de)?)?[\s:=|(`]*"
)
_NEAR = 60
"""Characters between the name of a metric and its number."""


@dataclass(frozen=True, slots=True)
class _Claim:
    metric: str
    """Name as measured; empty if nobody measures it."""
    name: str
    """Name as written."""
    number: QuotedNumber
    between: str
    """Text between name and number."""
    until: QuotedNumber | None = None
    """The other end, if the claim is a range."""


def metric_faults(file: str, sentence: Sentence, facts: ReleaseFacts) -> Iterator[Fault]:
    """Yield the numbers of a sentence that no measurement of the release confirms."""
    if facts.metrics is None:
        return
    for claim in _claims(sentence.text, facts):
        expected = _disagreement(claim, sentence.text, facts)
        if expected:
            yield Fault(
                file,
                sentence.place,
                expected,
                f"{claim.name} {claim.number.text}",
                "write the number of the signed evaluation, or leave it out: "
                "the report prints the measured ones",
            )


def _claims(text: str, facts: ReleaseFacts) -> Iterator[_Claim]:
    mentions = list(_pattern(_literal_names(facts)).finditer(text))
    numbers = list(quoted_numbers(text))
    for position, match in enumerate(mentions):
        end = mentions[position + 1].start() if position + 1 < len(mentions) else len(text)
        if _OF_SOMETHING.match(text[match.end() :]):
            continue
        metric = _metric(match, facts)
        before = next((n for n in numbers if text[n.end : match.start()].strip(" of") == ""
                       and n.end <= match.start()), None)  # fmt: skip
        number = _value_after(metric, text[match.end() : end], numbers, match.end())
        if number is None and before is not None and _may_be_value(metric, before, adjacent=True):
            number = before
        if number is None or _is_about_another(text, match, number):
            continue
        between = text[min(match.end(), number.end) : max(match.start(), number.start)]
        yield _Claim(metric, match.group(), number, between, _range_end(text, number, numbers))


def _value_after(
    metric: str, tail: str, numbers: Sequence[QuotedNumber], offset: int
) -> QuotedNumber | None:
    """Return the first number after the name of a metric that can be its value."""
    for number in numbers:
        start, end = number.start - offset, number.end - offset
        if start < 0 or end > len(tail):
            continue
        between = tail[:start]
        if len(between) > _NEAR:
            return None
        is_other = _NOT_THE_VALUE.search(between) or _COUNTED.match(tail[end:])
        is_score = metric in ("accuracy", "recall", "precision", "acceptance_rate")
        if is_other or (is_score and _AT_A_SCORE.search(between)):
            continue
        adjacent = _ADJACENT.fullmatch(between) is not None
        if _may_be_value(metric, number, adjacent=adjacent):
            return number
    return None


def _range_end(
    text: str, number: QuotedNumber, numbers: Sequence[QuotedNumber]
) -> QuotedNumber | None:
    """Return the other end of a range such as `0.85 to 0.9` or `between 0.85 and 0.9`."""
    following = next((each for each in numbers if each.start >= number.end), None)
    if following is None:
        return None
    is_between = (
        re.search(r"\b(?:between|zwischen|entre)\s*$", text[: number.start], re.IGNORECASE)
        is not None
    )
    joined = r"and|to|und|et" if is_between else r"to|bis|à|[-\u2013\u2014]"
    between = text[number.end : following.start].strip()
    return following if re.fullmatch(joined, between, re.IGNORECASE) else None


def _may_be_value(metric: str, number: QuotedNumber, *, adjacent: bool) -> bool:
    is_year = number.is_whole and 1900 <= number.value <= 2100
    if 0 <= number.value <= 1 or (metric in _UNBOUNDED and not is_year):
        return True
    # "AUC 88" means percent; a whole number further away is a year, an age or a count.
    return adjacent and 1 < number.value <= 100


def _is_about_another(text: str, match: "re.Match[str]", number: QuotedNumber) -> bool:
    """Whether the clause around name and number speaks of another model."""
    begin, end = min(match.start(), number.start), max(match.end(), number.end)
    before = re.split(r"[,;:(]", text[:begin])[-1]
    after = re.split(r"[,;(.]", text[end:])[0]
    other = OTHER_MODEL.search(after)
    if other and not _COMPARED.search(after[: other.start()]):
        return True
    return any(OTHER_MODEL.search(part) for part in (before, text[begin:end]))


def _metric(match: "re.Match[str]", facts: ReleaseFacts) -> str:
    literal = re.sub(r"[\s-]+", "_", match.group().lower())
    if literal in {each.name for each in facts.metrics or ()}:
        return literal
    for name, pattern in _NAMES:
        if re.fullmatch(pattern, match.group(), re.IGNORECASE):
            return name
    return literal


def _literal_names(facts: ReleaseFacts) -> tuple[str, ...]:
    return tuple(sorted({each.name for each in facts.metrics or ()}, key=len, reverse=True))


@lru_cache(maxsize=16)
def _pattern(measured: tuple[str, ...]) -> "re.Pattern[str]":
    own = [re.escape(name).replace("_", r"[\s_-]") for name in measured]
    known = [pattern for _, pattern in _NAMES]
    return re.compile(rf"(?<![\w-])(?:{'|'.join((*own, *known))})(?![\w^])", re.IGNORECASE)


def _disagreement(claim: _Claim, text: str, facts: ReleaseFacts) -> str:
    """Return what the statements say instead; empty if the claim agrees or is none."""
    limits = {limit.bound for limit in facts.limits if limit.metric == claim.metric}
    if any(abs(claim.number.value - bound) <= 1e-9 for bound in limits):
        return ""
    if _CONDITION.search(text):
        return ""
    measured = _measured(claim.metric, facts, is_group=_names_group(text, facts))
    if not measured:
        return "a metric that the signed evaluation has"
    lower, upper = _LOWER.search(claim.between), _UPPER.search(claim.between)
    if _DEMAND.search(text) and (lower or upper or limits):
        listed = ", ".join(f"{bound:g}" for bound in sorted(limits)) or "no limit of it"
        return f"the limit of compliance/thresholds.yaml: {listed}"
    if any(_agrees(claim, each, lower=bool(lower), upper=bool(upper)) for each in measured):
        return ""
    return f"{_shown(measured[0])} as in the signed evaluation"


def _agrees(claim: _Claim, metric: MeasuredMetric, *, lower: bool, upper: bool) -> bool:
    value, half = _scaled(claim.number, metric)
    if lower or upper:
        return metric.value >= value - 1e-9 if lower else metric.value <= value + 1e-9
    low = metric.value if metric.low is None else min(metric.low, metric.value)
    high = metric.value if metric.high is None else max(metric.high, metric.value)
    if claim.until is not None:
        end, end_half = _scaled(claim.until, metric)
        start = value / 100 if claim.until.is_percent and not claim.number.is_percent else value
        return min(start, end) - half <= metric.value <= max(start, end) + end_half
    return low - half - 1e-9 <= value <= high + half + 1e-9


def _scaled(number: QuotedNumber, metric: MeasuredMetric) -> tuple[float, float]:
    """Return a number and half its last unit; `AUC 88` means 88 percent."""
    if not number.is_percent and 1 < number.value <= 100 and metric.name not in _UNBOUNDED:
        return number.value / 100, number.half_unit / 100
    return number.value, number.half_unit


def _measured(metric: str, facts: ReleaseFacts, *, is_group: bool) -> list[MeasuredMetric]:
    """Return the measurements of a metric, over all rows first; of groups only if one is named."""
    listed = [each for each in facts.metrics or () if not each.slice or is_group]
    listed = [each for each in listed if not each.slice or each.low is not None]
    listed.sort(key=lambda each: each.slice)
    if metric == "gini":
        return [_gini(each) for each in listed if each.name == "roc_auc"]
    if metric in ("accuracy", "recall", "precision"):
        return [each for each in listed if re.fullmatch(rf"{metric}(_.*)?", each.name)]
    return [each for each in listed if metric and each.name == metric]


@dataclass(frozen=True, slots=True)
class _Derived:
    name: str
    value: float
    low: float | None
    high: float | None
    slice: str


def _gini(auc: MeasuredMetric) -> _Derived:
    low, high = (None if each is None else 2 * each - 1 for each in (auc.low, auc.high))
    return _Derived("gini", 2 * auc.value - 1, low, high, auc.slice)


def _names_group(text: str, facts: ReleaseFacts) -> bool:
    names = {each.slice.partition("=")[0] for each in facts.metrics or () if each.slice}
    plain = text.lower().replace("_", " ")
    return _GROUP.search(text) is not None or any(n.replace("_", " ") in plain for n in names)


def _shown(metric: MeasuredMetric) -> str:
    if metric.low is None or metric.high is None:
        return f"{metric.name} {metric.value:.4g}"
    return f"{metric.name} {metric.value:.4g} ({metric.low:.4g} to {metric.high:.4g})"
