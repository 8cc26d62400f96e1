"""Features, their number, groups and rows in a text, compared with contract and statements."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.quoted_numbers import WHOLE_NUMBER, whole_number
from goldenpath.project.claims.sentences import OTHER_MODEL, Sentence

_NOUN = r"(?:features?|inputs?|input variables|variables|predictors?|covariates|attributes)"
_LISTED = re.compile(
    rf"\b{_NOUN}(?: of (?:the|this) model| used| of it)?\s*"
    r"(?:(?P<colon>:)|are(?: the)?\b|is\b|includes?\b|comprises?\b|consists? of\b)(?P<list>.+)",
    re.IGNORECASE,
)
_TAKEN = re.compile(
    rf"\b(?:takes?|uses?|reads?|needs?)\s+(?:the\s+)?{_NOUN}\s+(?P<list>[^.:;()]+)"
    rf"|\b(?:takes?|uses?|reads?|needs?)\s+(?P<list2>[^.:;()]+?)\s+as\s+(?:its\s+)?{_NOUN}\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    rf"^(?P<list>[^.:;()]+?)\s+(?:is|are)\s+(?P<not>not |never |no (?:longer )?)?"
    rf"(?:an? |the |one of the |among the )?(?:only )?{_NOUN}\b",
    re.IGNORECASE,
)
_UNUSED = re.compile(
    r"\b(?:(?:does|do) not|never|doesn't)\s+(?:use|take|read|see)\s+(?P<list>[^.:;()]+)"
    r"|\bwithout\s+(?:using|reading)\s+(?P<list2>[^.:;()]+)"
    r"|^(?P<list3>[^.:;()]+?)\s+(?:is|are)\s+(?:not|never)\s+used\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    rf"\b(?:uses?|has|have|takes?|with|from|on|reads?|needs?|accepts?|verwendet|nutzt|hat|utilise"
    rf"|emploie)\s+(?:only |exactly |just |these |the |nur |genau )?(?P<count>{WHOLE_NUMBER})"
    r"\s+(?:input )?(?:features|inputs|input variables|predictors|covariates|merkmale|variables"
    r"|caractéristiques)\b"
    r"(?!\s+(?:that|which|are|is|of|with|whose|missing|at|per))",
    re.IGNORECASE,
)
_ABOUT = (
    r"(?:about|around|approximately|some|nearly|roughly|more than|over|rund|etwa|ungefähr|environ"
    r"|près de) "
)
_ROW_NOUN = (
    r"(?:rows|records|clients|customers|persons|people|policies|claims|observations|cases|loans"
    r"|samples|accounts|applications|applicants|contracts|zeilen|datensätzen?|kunden|personen"
    r"|verträgen?|fällen?|lignes|personnes|contrats|dossiers)"
)
_ROWS = re.compile(
    rf"\b(?:trained|learned|learns|fitted|evaluated|tested|validated|estimated|trainiert|gelernt"
    rf"|geprüft|évaluée?|entraînée?|testée?|validée?)\s+(?:on|with|from|over|auf|mit|an|sur|avec)"
    rf"\s+(?P<about>{_ABOUT})?(?P<count>{WHOLE_NUMBER})\s+(?:[\w-]+\s+){{0,3}}?{_ROW_NOUN}\b",
    re.IGNORECASE,
)
_ROWS_OF_GERMAN = re.compile(
    rf"\b(?:auf|mit|an|aus)\s+(?P<about>{_ABOUT})?(?P<count>{WHOLE_NUMBER})\s+{_ROW_NOUN}\s+"
    r"(?:trainiert|gelernt|geprüft|getestet|evaluiert|validiert)\b",
    re.IGNORECASE,
)
"""The verb comes last in German."""
_BY_GROUP = re.compile(
    r"\b(?:per|by|across|for each|for every|groups? of|between groups of)\s+(?P<list>[^.:;()]+)",
    re.IGNORECASE,
)
_ABOUT_GROUPS = re.compile(
    r"\b(?:figures?|metrics?|reports?|reported|measured|compared?|compares|fair\w*|bias\w*|tested"
    r"|evaluated|checked|gates?|equal|performance)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"`([A-Za-z][A-Za-z0-9_]*)`")
_ABOUT_INPUTS = re.compile(rf"\b(?:{_NOUN}|columns?)\b", re.IGNORECASE)
_SPLIT = re.compile(r",\s*(?:and|or)\s+|,|\band\b|\bor\b|\bas well as\b|\bplus\b|&", re.IGNORECASE)
_STOP = re.compile(
    r"\b(?:which|that|because|since|so|but|where|while|as|for|from|of which)\b", re.IGNORECASE
)
_ARTICLE = re.compile(r"^(?:the|a|an|their|its|his|her|both|only|also|neither)\s+", re.IGNORECASE)
_SAME: Mapping[str, str] = {
    "gender": "sex", "marriage": "marital status", "zip code": "postcode",
    "postal code": "postcode",
    "salary": "income", "employment status": "employment",
}  # fmt: skip
_COMMON = frozenset(
    {
        "address", "age", "assets", "balance", "country", "credit history", "debt", "dependants",
        "education", "employment", "ethnicity", "health", "income", "language", "marital status",
        "nationality", "occupation", "origin", "postcode", "profession", "race", "region",
        "religion", "residence", "savings", "sex", "tenure", "wealth", "disability", "citizenship",
    }
)  # fmt: skip
"""What cards of models about people usually name; each is a feature, a group, or a wrong name."""
_CONSTANTS = frozenset({"nan", "null", "none", "true", "false", "float32", "inf"})
_CURE = "name the features as contract.features of goldenpath.toml does"


def feature_faults(file: str, sentence: Sentence, facts: ReleaseFacts) -> Iterator[Fault]:
    """Yield features of a sentence that the model does not have, or has although it denies them."""
    known = _names(facts)
    place, text = sentence.place, sentence.text
    listed = ", ".join(feature.name for feature in facts.contract.features)
    for name in _named(text, known):
        yield Fault(file, place, f"a feature of the contract: {listed}", repr(name), _CURE)
    for name in _denied(text, known):
        expected = f"{name!r} as a feature: the contract has it"
        yield Fault(file, place, expected, repr(text[:80]), _CURE)
    count = len(facts.contract.features)
    for match in _COUNTED.finditer(text):
        if whole_number(match["count"]) != count:
            yield Fault(file, place, f"{count} features, as in the contract", match.group(), _CURE)


def group_faults(file: str, sentence: Sentence, facts: ReleaseFacts) -> Iterator[Fault]:
    """Yield groups by which a sentence compares figures although nothing was measured by them."""
    if not _ABOUT_GROUPS.search(sentence.text):
        return
    slices = {_canonical(each) for each in facts.slices}
    for match in _BY_GROUP.finditer(sentence.text):
        for name in _items(match["list"]):
            group = _canonical(name)
            if group in _COMMON and not any(
                group in each.split() or group == each for each in slices
            ):
                listed = ", ".join(facts.slices) or "none"
                yield Fault(
                    file,
                    sentence.place,
                    f"a column by which the evaluation has groups: {listed}",
                    repr(name),
                    "add it to evaluation.slices of goldenpath.toml and build again, "
                    "or do not name it",
                )


def row_faults(file: str, sentence: Sentence, facts: ReleaseFacts) -> Iterator[Fault]:
    """Yield numbers of rows that no data set and no evaluation has."""
    if facts.rows is None:
        return
    text = sentence.text
    for match in (*_ROWS.finditer(text), *_ROWS_OF_GERMAN.finditer(text)):
        if OTHER_MODEL.search(sentence.text[: match.start()]):
            continue
        count = whole_number(match["count"]) or 0
        tolerance = 0.1 if match["about"] else 0.01
        if not any(abs(count - rows) <= tolerance * max(rows, 1) for rows in facts.rows):
            listed = ", ".join(f"{rows:,}" for rows in sorted(set(facts.rows)))
            yield Fault(
                file,
                sentence.place,
                f"a number of rows of the signed record: {listed}",
                repr(match.group()),
                "write the number of the record of the data",
            )


class _Names:
    """The names that a text may use for a feature."""

    def __init__(self, facts: ReleaseFacts) -> None:
        contract = facts.contract
        self.features = {_canonical(each.name) for each in contract.features}
        self.features |= {_canonical(each.part_of) for each in contract.features if each.part_of}
        words = (f"{each.name} {each.description}" for each in contract.features)
        self.words = {word for text in words for word in _words(text)}
        own = (*facts.columns, *facts.slices, *facts.names, contract.output, contract.name)
        self.others = {_canonical(each) for each in own}
        self.others |= {_canonical(each.name) for each in facts.metrics or ()}

    def has(self, name: str) -> bool:
        """Whether the name, or a word of it, is one of a feature or of its description."""
        return _canonical(name) in self.features or bool(_words(name) & self.words)


@lru_cache(maxsize=4)
def _names(facts: ReleaseFacts) -> _Names:
    return _Names(facts)


def _named(text: str, known: _Names) -> Iterator[str]:
    """Yield the names in lists of features that are none."""
    match = _LISTED.search(text)
    if match is not None:
        items = _items(_STOP.split(match["list"])[0])
        yield from _unknown(items, known, is_list=bool(match["colon"]) and len(items) > 1)
    match = _SUBJECT.search(text)
    if match is not None and not match["not"]:
        yield from _unknown(_items(match["list"]), known, is_list=False)
    match = None if _UNUSED.search(text) else _TAKEN.search(text)
    if match is not None:
        items = _items(_STOP.split(match["list"] or match["list2"])[0])
        yield from _unknown(items, known, is_list=False)
    if _ABOUT_INPUTS.search(text):
        for name in _CODE.findall(text):
            if not known.has(name) and _canonical(name) not in known.others | _CONSTANTS:
                yield name


def _unknown(items: list[str], known: _Names, *, is_list: bool) -> Iterator[str]:
    matched = any(known.has(item) for item in items)
    for item in items:
        if known.has(item) or "`" in item or item.endswith(("ed", "ing")):
            continue
        is_list_of_names = matched or (is_list and len(items) > 2)
        if _canonical(item) in _COMMON or (is_list_of_names and len(items) > 1):
            yield item


def _denied(text: str, known: _Names) -> Iterator[str]:
    """Yield the features that a sentence says the model does not use."""
    subject = _SUBJECT.search(text)
    lists = [subject["list"]] if subject is not None and subject["not"] else []
    for match in _UNUSED.finditer(text):
        lists += [part for part in match.groups() if part is not None]
    for part in lists:
        items = _items(_STOP.split(part)[0])
        yield from (item for item in items if _canonical(item) in known.features)


def _items(text: str) -> list[str]:
    """Return the items of a list in words; longer phrases than four words are no names."""
    plain = re.sub(r"\([^)]*\)", "", text)
    items = [_ARTICLE.sub("", item.strip(" .`'\"")) for item in _SPLIT.split(plain)]
    return [item for item in items if item and len(item.split()) <= 4 and not item[0].isdigit()]


def _canonical(name: str) -> str:
    plain = " ".join(re.sub(r"[_\-`]", " ", name.lower()).split())
    return _SAME.get(plain, plain)


def _words(text: str) -> set[str]:
    """Return the words of a name that carry meaning, without a plural s."""
    words = re.findall(r"[a-z]{3,}", text.lower().replace("_", " "))
    return {word.removesuffix("s") for word in words} - _EMPTY


_EMPTY = frozenset(
    {"the", "and", "amount", "number", "code", "status", "value", "type", "month", "year", "not",
     "for", "with", "per", "all", "one", "use", "other", "are", "has", "any", "from", "than"}
)  # fmt: skip
