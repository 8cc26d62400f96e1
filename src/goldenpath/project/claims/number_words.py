"""Numbers in words, 0 to 100: English, German and French, also as spoken in Switzerland."""

import re
from collections.abc import Iterator, Mapping

_ENGLISH = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GERMAN = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_GERMAN_TENS = [
    "zwanzig",
    "dreißig",
    "vierzig",
    "fünfzig",
    "sechzig",
    "siebzig",
    "achtzig",
    "neunzig",
]
_FRENCH = [
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "six",
    "sept",
    "huit",
    "neuf",
    "dix",
    "onze",
    "douze",
    "treize",
    "quatorze",
    "quinze",
    "seize",
    "dix-sept",
    "dix-huit",
    "dix-neuf",
]
_FRENCH_TENS: Mapping[str, int] = {
    "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60, "septante": 70,
    "huitante": 80, "octante": 80, "quatre-vingt": 80, "nonante": 90,
}  # fmt: skip


def _english() -> Iterator[tuple[str, int]]:
    yield from zip(_ENGLISH, range(20), strict=True)
    for place, ten in enumerate(_ENGLISH_TENS, start=2):
        yield ten, 10 * place
        yield from ((f"{ten}-{_ENGLISH[one]}", 10 * place + one) for one in range(1, 10))
    yield from (("hundred", 100), ("one-hundred", 100), ("a-hundred", 100))


def _german() -> Iterator[tuple[str, int]]:
    yield from zip(_GERMAN, range(20), strict=True)
    for place, ten in enumerate(_GERMAN_TENS, start=2):
        ones = ["ein", *_GERMAN[2:10]]
        for spelling in {ten, ten.replace("ß", "ss")}:
            yield spelling, 10 * place
            yield from ((f"{ones[one - 1]}und{spelling}", 10 * place + one) for one in range(1, 10))
    yield from (("hundert", 100), ("einhundert", 100))


def _french() -> Iterator[tuple[str, int]]:
    yield from zip(_FRENCH, range(20), strict=True)
    for ten, value in _FRENCH_TENS.items():
        yield ten, value
        # Soixante and quatre-vingt go on to 79 and 99.
        last = 20 if ten in ("soixante", "quatre-vingt") else 10
        for one in range(1, last):
            yield f"{ten}-{_FRENCH[one]}", value + one
            if one in (1, 11):
                yield f"{ten}-et-{_FRENCH[one]}", value + one
    yield from (("quatre-vingts", 80), ("cent", 100))


_VALUES: Mapping[str, int] = dict((*_french(), *_german(), *_english()))
NUMBER_WORD = "|".join(
    re.escape(word).replace(r"\-", r"[\s-]") for word in sorted(_VALUES, key=len, reverse=True)
)
"""A pattern of every number in words."""
_DECIMAL = re.compile(
    rf"(?<![\w-])(?P<whole>{NUMBER_WORD})"
    rf"(?:\s+(?:point|komma|virgule)\s+(?P<digits>(?:{NUMBER_WORD})(?:\s+(?:{NUMBER_WORD}))*))?"
    r"(?P<percent>[\s-]+(?:percent|per\s?cent|prozent|pour\s?cent))?(?![\w-])",
    re.IGNORECASE,
)


def word_value(text: str) -> int | None:
    """Return the value of a number in words; None if it is none."""
    return _VALUES.get("-".join(text.lower().split()))


def spoken_numbers(text: str) -> Iterator[tuple[re.Match[str], float, int]]:
    """Yield each number in words with a decimal point or as a percentage.

    The value is not yet a fraction; the last is the number of its decimals. Other numbers in words
    are mostly no figures.
    """
    for match in _DECIMAL.finditer(text):
        if not match["digits"] and not match["percent"]:
            continue
        digits = _digits(match["digits"] or "")
        whole = word_value(match["whole"]) or 0
        yield match, float(f"{whole}.{digits or 0}"), len(digits)


def _digits(text: str) -> str:
    """Return the decimals: `eight eight` and `eighty-eight` are both 88."""
    words = re.findall(NUMBER_WORD, text, re.IGNORECASE)
    return "".join(str(word_value(word)) for word in words)
