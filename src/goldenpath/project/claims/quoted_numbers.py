"""Numbers as people write them: `0.88`, `.88`, `0,88`, `88 %`, `6,000`, `30'000`, `6 000`.

In digits, and in words of English, German and French.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from goldenpath.project.claims.number_words import NUMBER_WORD, spoken_numbers, word_value

_NUMBER = re.compile(
    r"(?<![\w.,@/-])(?P<sign>-\s?)?"
    r"(?P<digits>\d{1,3}(?:[,'\u2019]\d{3})+(?:\.\d+)?|\d{1,3}(?: \d{3})+(?:,\d+)?(?! ?\d)"
    r"|\d{1,3}(?:\.\d{3}){2,}|\d+[.,]\d+|[.]\d+|\d+)"
    r"(?P<percent>\s?(?:%|percent\b|per\s?cent\b|percentage points\b|prozent\b|pour\s?cent\b))?"
    r"(?!\w|[.,]\d)",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"\d{1,3}(?:[,'\u2019]\d{3})+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class QuotedNumber:
    """A number in a sentence."""

    text: str
    value: float
    """As a fraction if it is a percentage."""
    half_unit: float
    """Half a unit of its last digit: how far the true number may be from it."""
    start: int
    end: int
    is_percent: bool

    @property
    def is_whole(self) -> bool:
        """Whether it is written without decimals and without a percent sign."""
        return not self.is_percent and self.value == int(self.value) and self.half_unit == 0.5


def quoted_numbers(text: str) -> Iterator[QuotedNumber]:
    """Yield the numbers of a sentence in order."""
    yield from sorted((*_in_digits(text), *_in_words(text)), key=lambda each: each.start)


def _in_words(text: str) -> Iterator[QuotedNumber]:
    for match, value, decimals in spoken_numbers(text):
        scale = 0.01 if match["percent"] else 1.0
        half = 0.5 * 10.0**-decimals * scale
        yield QuotedNumber(
            match.group(), value * scale, half, match.start(), match.end(), bool(match["percent"])
        )


def _in_digits(text: str) -> Iterator[QuotedNumber]:
    for match in _NUMBER.finditer(text):
        value, decimals = _value(match["digits"])
        scale = 0.01 if match["percent"] else 1.0
        yield QuotedNumber(
            match.group().strip(),
            (-value if match["sign"] else value) * scale,
            0.5 * 10.0**-decimals * scale,
            match.start(),
            match.end(),
            bool(match["percent"]),
        )


def whole_number(text: str) -> int | None:
    """Return a whole number written in digits, or in words up to a hundred."""
    plain = re.sub(r"[,.'\u2019\s]", "", text.lower())
    return int(plain) if plain.isdecimal() else word_value(text)


WHOLE_NUMBER = rf"\d{{1,3}}(?:[,.'\u2019 ]\d{{3}})+|\d+|{NUMBER_WORD}"
"""A pattern for `whole_number`."""


def _value(digits: str) -> tuple[float, int]:
    """Return the value of digits and the number of decimals."""
    if " " in digits or digits.count(".") > 1:
        digits = re.sub(r"[ .]", "", digits)
    elif not digits.startswith("0") and _GROUPED.fullmatch(digits):
        digits = re.sub(r"[,'\u2019]", "", digits)
    digits = digits.replace(",", ".")
    return float(digits), len(digits.partition(".")[2])
