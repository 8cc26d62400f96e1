"""The claims in the texts of people, each compared with what is known about the release."""

from collections.abc import Iterator, Mapping

from goldenpath.parsers.fault import Fault
from goldenpath.project.claims.assurances import assurance_faults
from goldenpath.project.claims.classification import SYSTEM, classification_faults
from goldenpath.project.claims.feature_claims import feature_faults, group_faults, row_faults
from goldenpath.project.claims.known_facts import ReleaseFacts
from goldenpath.project.claims.metric_claims import metric_faults
from goldenpath.project.claims.package_claims import package_faults
from goldenpath.project.claims.sentences import Sentence, field_sentences, markdown_sentences

CARD = "compliance/card.md"
DECLARATION = "compliance/declaration.md"
_COMPARED = (metric_faults, package_faults, feature_faults, group_faults, row_faults)


def claim_faults(
    texts: Mapping[str, str], values: Mapping[str, Mapping[str, object]], facts: ReleaseFacts | None
) -> Iterator[Fault]:
    """Yield the claims that nothing proves, in Markdown files (`texts`) and YAML files (`values`).

    Without `facts` only words of assurance are looked for.
    """
    for file, text in texts.items():
        sentences = markdown_sentences(text)
        for sentence in sentences:
            yield from _sentence_faults(file, sentence, facts)
    for file, content in values.items():
        for sentence in field_sentences(content):
            yield from assurance_faults(file, sentence)
    if facts is not None and SYSTEM in values:
        card = markdown_sentences(texts.get(CARD, ""))
        yield from classification_faults(values[SYSTEM], card, facts)


def _sentence_faults(file: str, sentence: Sentence, facts: ReleaseFacts | None) -> Iterator[Fault]:
    if file != DECLARATION:  # its words are those of Annex V
        yield from assurance_faults(file, sentence)
    if file == CARD and facts is not None:
        for compare in _COMPARED:
            yield from compare(file, sentence, facts)
