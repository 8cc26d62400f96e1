"""Numbers as people write them: `0.88`, `.88`, `0,88`, `88 %`, `6,000`, `30'000`, `twelve`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_NUMBER = re.compile(
    r"(?<![\w.,@/-])(?P<sign>-\s?)?"
    r"(?P<digits>\d{1,3}(?:[,'\u2019]\d{3})+(?:\.\d+)?|\d+[.,]\d+|[.]\d+|\d+)"
    r"(?P<percent>\s?(?:%|percent\b|per\s?cent\b|percentage points\b))?(?!\w|[.,]\d)"
)
_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty",
)  # fmt: skip


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
    """Return a whole number written in digits or as an English word up to twenty."""
    plain = re.sub(r"[,'\u2019\s]", "", text.lower())
    if plain.isdecimal():
        return int(plain)
    return _WORDS.index(plain) if plain in _WORDS else None


WHOLE_NUMBER = rf"\d{{1,3}}(?:[,'\u2019]\d{{3}})+|\d+|{'|'.join(_WORDS[1:])}"
"""A pattern for `whole_number`."""


def _value(digits: str) -> tuple[float, int]:
    """Return the value of digits and the number of decimals."""
    if re.fullmatch(r"\d{1,3}(?:[,'\u2019]\d{3})+(?:\.\d+)?", digits) and not digits.startswith(
        "0"
    ):
        digits = re.sub(r"[,'\u2019]", "", digits)
    digits = digits.replace(",", ".")
    return float(digits), len(digits.partition(".")[2])
