"""The tier of a system against Annex III of the AI Act: what is high-risk is declared as high.

Source: Regulation (EU) 2024/1689, Art. 6(2) and Annex III. Point 5(b) is the evaluation of the
creditworthiness of natural persons, without the detection of financial fraud. Scoring is profiling,
so the way out of Art. 6(3) is closed.
"""

import re
from collections.abc import Iterator, Mapping

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.sentences import Sentence

SYSTEM = "compliance/system.yaml"
POINT, EXCEPTION = "annex_iii_point", "annex_iii_exception"
EXCEPTIONS: Mapping[str, str] = {
    "detection of financial fraud": "Annex III 5(b) leaves it out",
    "no natural persons": "no natural person is scored, and no sole trader",
    "no decision about access": "it decides on no credit, insurance or service for a person",
}
"""The values of `annex_iii_exception`, with their meaning."""
_POINT = re.compile(r"(?:annex iii[ ,:]*)?(?:point )?([1-8])(?:[ .]?\(?([a-f])\)?)?", re.IGNORECASE)
_NONE = re.compile(r"none|no|not applicable|n/a", re.IGNORECASE)
_CREDIT = re.compile(
    r"credit[\s_-]?(?:worthiness|scor(?:e|es|ing)|risk|default|decision)|probability[\s_]of[\s_]default"
    r"|credit[\s_-]cards?|(?:consumer|personal|retail)[\s_](?:credit|loan|lending)s?|mortgage"
    r"|default of (?:a |the )?(?:client|customer|borrower)s?|loan appli\w+|overdraft",
    re.IGNORECASE,
)
_INSURANCE = re.compile(
    r"\b(?:life|health)[\s_-](?:insurance|insurer|policy|policies|cover|assurance)\b", re.IGNORECASE
)
_COMPANIES = re.compile(
    r"\b(?:corporates?|companies|company|firms?|sme|smes|enterprises?|counterpart(?:y|ies)|sovereigns?"
    r"|banks as borrowers|legal persons)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|never|no|nor|neither|without|must)\b[^.;]*$", re.IGNORECASE)
_LESS = re.compile(
    r"\b(?:not (?:a |an )?high[\s-]risk|(?:minimal|limited|low)[\s-]risk (?:ai )?system)\b",
    re.IGNORECASE,
)


def classification_faults(
    values: Mapping[str, object], sentences: tuple[Sentence, ...], facts: ReleaseFacts
) -> Iterator[Fault]:
    """Yield what is wrong between the tier, the declared point of Annex III and the texts.

    `values` is the content of `compliance/system.yaml`; `sentences` those of the card.
    """
    declared, exception = str(values.get(POINT) or "").strip(), values.get(EXCEPTION)
    if not declared:
        return  # an empty field is a fault of its own
    point = _point(declared)
    if point is None and not _NONE.fullmatch(declared.partition(",")[0].partition(":")[0].strip()):
        expected = 'a point of Annex III such as "5(b)", or none'
        yield Fault(
            SYSTEM, POINT, expected, repr(declared), "see Annex III of Regulation 2024/1689"
        )
        return
    if exception is not None and exception not in EXCEPTIONS:
        expected = f"one of {', '.join(EXCEPTIONS)}"
        yield Fault(SYSTEM, EXCEPTION, expected, repr(exception))
        return
    if exception is not None and point is None:
        return  # the reasoning beside it is demanded for everybody
    if point is not None:
        yield from _point_faults(point, sentences, facts)
    elif implied := _implied(sentences, facts):
        yield _unclassified(*implied, declared)


def _point_faults(
    point: str, sentences: tuple[Sentence, ...], facts: ReleaseFacts
) -> Iterator[Fault]:
    if facts.tier != "high":
        yield Fault(
            "goldenpath.toml",
            "tier",
            f'"high": system.yaml declares Annex III point {point}, which is high-risk',
            repr(facts.tier),
            _ways_out(point),
        )
    for sentence in sentences:
        if _LESS.search(sentence.text):
            expected = f"high-risk, as Annex III point {point} of system.yaml says"
            yield Fault("compliance/card.md", sentence.place, expected, repr(sentence.text[:80]))


def _unclassified(point: str, reason: str, declared: str) -> Fault:
    return Fault(
        SYSTEM,
        POINT,
        f'"{point}" and the tier high: {reason}',
        repr(declared),
        _ways_out(point),
    )


def _ways_out(point: str) -> str:
    listed = "; ".join(f"{name!r} ({why})" for name, why in EXCEPTIONS.items())
    return (
        f'set tier = "high" in goldenpath.toml and write its statements; if point {point} does not '
        f"apply, declare {POINT}: none with {EXCEPTION} and reasoning in system.yaml; it is one of "
        f"{listed}"
    )


def _point(declared: str) -> str | None:
    match = _POINT.fullmatch(declared)
    if match is None:
        return None
    return match[1] if match[2] is None else f"{match[1]}({match[2].lower()})"


def _implied(sentences: tuple[Sentence, ...], facts: ReleaseFacts) -> tuple[str, str] | None:
    """Return the point that contract or card speak of, with the words; None if they do not."""
    contract = facts.contract
    own = (contract.name, contract.output, *(feature.description for feature in contract.features))
    texts = (*own, *(sentence.text for sentence in sentences))
    for point, pattern, what in (
        ("5(b)", _CREDIT, "creditworthiness of natural persons"),
        ("5(c)", _INSURANCE, "risk or price of life and health insurance for natural persons"),
    ):
        for text in texts:
            match = pattern.search(text)
            if match and not _DENIED.search(text[: match.start()]) and not _COMPANIES.search(text):
                return point, f"{match.group()!r} speaks of the {what}"
    return None
