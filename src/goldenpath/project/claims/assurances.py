"""Words that promise more than a company can say about its own model: certified, approved by …

They are named wherever they stand, unless the sentence denies them. A declaration of conformity
has its own words by law, so it is not searched.
"""

import re
from collections.abc import Iterator

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.sentences import Sentence

_AUTHORITY = (
    r"(?:(?:the|our|a|an|any|its) )?(?:\w+ )?(?:regulators?|supervisors?|authorit(?:y|ies)"
    r"|supervisory authorit(?:y|ies)|central bank|notified body|finma|bafin|ecb|eba|eiopa|esma|fca"
    r"|pra|sec|fed|occ|acpr|cssf|european commission)"
)
_LAW = (
    r"(?:(?:the|all|every|any|applicable|relevant|legal|regulatory|eu|european|swiss) )*"
    r"(?:ai act|acts?|regulations?|gdpr|dsgvo|fadp|laws?|legislation|rules|requirements|obligations"
    r"|annex|article)"
)
_ASSURANCE = re.compile(
    r"\b(?:certified(?! (?:translat|interpret|public acc|accountant|cop(?:y|ies)))"
    r"|certification of (?:the|this) (?:model|system)|certificates? of conformity"
    r"|(?<!non-)(?<!non )compliant|fully compl(?:y|ies)"
    r"|(?:compl(?:y|ies)|in (?:full )?(?:compliance|conformity)|conform(?:s|ant|ing)?) (?:to|with)"
    rf" {_LAW}|(?:meets?|fulfils?|fulfills?|satisf(?:y|ies)) {_LAW}"
    r"|(?:approved|authori[sz]ed|endorsed|accepted|cleared|licen[cs]ed|validated|confirmed)"
    rf" by {_AUTHORITY}"
    rf"|{_AUTHORITY}(?:[\u2019']s)? (?:has |have )?(?:approved|approval|endorsed|cleared)"
    r"|(?:ai act|regulation|gdpr)[\s-]ready|ce[\s-]mark(?:ed|ing)"
    r"|(?<!as )free (?:of|from) (?:any |all )?(?:bias|errors|discrimination)"
    r"|(?:bias|error)[\s-]free"
    r"|(?:is|are) (?:fully |completely )?unbiased|100\s?% (?:accurate|safe|secure|correct|fair)"
    r"|guarantees? (?:that|fair\w*|correct\w*|accura\w*|no)|zertifiziert\w*|\w*konform"
    r"|von der finma (?:bewilligt|genehmigt)|certifiée?s?|conformes? (?:à|au)|approuvée? par"
    r"|certificat[oi]|conformi? (?:al|alla)|approvat[oi] da)(?!\w)",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:not|no|never|nor|neither|nobody|nothing|without|cannot|isn't|aren't|doesn't|unless"
    r"|whether|if|before|until|kein\w*|nicht|pas|non)\b[^,;:.]*$",
    re.IGNORECASE,
)
_NO = re.compile(r"no\b", re.IGNORECASE)  # "no regulator approved" is one match


def assurance_faults(file: str, sentence: Sentence) -> Iterator[Fault]:
    """Yield each word of assurance that the sentence does not deny."""
    for match in _ASSURANCE.finditer(sentence.text):
        is_denied = _DENIED.search(sentence.text[: match.start()]) or _NO.match(match.group())
        if not is_denied:
            yield Fault(
                file,
                sentence.place,
                "no assurance that no statement proves",
                repr(match.group()),
                "say what was tested and by whom, or leave the word out",
            )
