"""Kubernetes quantities and Go durations, as far as manifests of models use them."""

import re

from goldenpath.errors import InvalidInput

_QUANTITY = re.compile(r"(\d{1,18})(|k|M|G|T|Ki|Mi|Gi|Ti)")
_FACTORS = {
    "": 1, "k": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4,
    "Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4,
}  # fmt: skip
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:h|m|s|ms))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def parse_bytes(value: object, what: str) -> int:
    """Return a quantity of memory (`512Mi`, `1G`, `1000000`) in bytes. Raises `InvalidInput`."""
    match = _QUANTITY.fullmatch(str(value)) if isinstance(value, int | str) else None
    if match is None or int(match[1]) == 0:
        raise InvalidInput(f"{what} {value!r} is no amount of memory: expected one like 512Mi")
    return int(match[1]) * _FACTORS[match[2]]


def parse_seconds(value: object, what: str) -> float:
    """Return a duration (`90s`, `1m30s`, `0s`) in seconds. Raises `InvalidInput`."""
    if not isinstance(value, str) or _DURATION.fullmatch(value) is None:
        raise InvalidInput(f"{what} {value!r} is no duration: expected one like 1m30s")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(value))
