"""Writes numbers for people so that different numbers have different texts."""

_LARGEST_WHOLE = 2.0**63


def number_text(number: float) -> str:
    """Return the shortest usual text that reads as the same number: `10050001`, not `1.005e+07`.

    Six digits are enough for most numbers. Codes are longer, and two of them must not look alike.
    """
    short = f"{number:g}"
    if float(short) == number or number != number:
        return short
    if number == int(number) and abs(number) < _LARGEST_WHOLE:
        return str(int(number))
    return repr(float(number))
