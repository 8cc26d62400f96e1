"""What many codes of a category cost where a model is served and observed.

Every cost grows with the number of codes, and none with its square. Shares of rare codes are never
compared one by one: drift tests the codes with more than 0.5 % of the reference, at most 199.
"""

from collections.abc import Iterator

from goldenpath.project.spec import Contract

MOST_CODES = 10_000
"""The most codes that a category may have."""
BYTES_A_CODE = 4096
"""Memory of the drift monitor for one code, if the reference shows no season."""
_WORTH_A_NOTE = 256
_MIB = 1024 * 1024

_MOST_SHOWN = 5
"""Texts that a note shows."""


def code_notes(contract: Contract) -> Iterator[str]:
    """Yield one sentence for each category with many codes: what they cost."""
    for feature in contract.features:
        codes = len(feature.categories)
        if codes >= _WORTH_A_NOTE:
            yield (
                f"{feature.name} has {codes:,} codes (of at most {MOST_CODES:,}): the drift "
                f"monitor takes up to {-(-codes * BYTES_A_CODE // _MIB)} MiB for it, and more if "
                "the reference shows a season; each value is searched among the codes"
            )


def text_notes(contract: Contract) -> Iterator[str]:
    """Yield one sentence for each category of texts: which number stands for each."""
    for feature in contract.features:
        if feature.texts:
            shown = [f"{text} = {code}" for code, text in enumerate(feature.texts[:_MOST_SHOWN])]
            more = ", …" if len(feature.texts) > _MOST_SHOWN else ""
            yield (
                f"{feature.name}: unless the graph takes texts, the model gets the position of "
                f"each: {', '.join(shown)}{more}; for other codes declare these with labels"
            )
