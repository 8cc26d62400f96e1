"""How long a finding about an advisory may stay open, by severity."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from goldenpath.parsers.advisory_severity import SeverityBand, band_of

LIMITS: Mapping[SeverityBand, timedelta] = MappingProxyType(
    {
        "critical": timedelta(days=7),
        "unknown": timedelta(days=7),
        "high": timedelta(days=30),
        "medium": timedelta(days=90),
        "low": timedelta(days=180),
    }
)
UNREAD = "unread"
"""Stands for the advisories of a release whose parts nobody knows."""


def limit_of(size: float) -> timedelta:
    """Return how long a finding of this score may stay open."""
    return LIMITS[band_of(size)]


def limit_of_word(severity: str) -> timedelta:
    """Return the same for a severity in a word; one that is no severity has the shortest limit."""
    return next((limit for band, limit in LIMITS.items() if band == severity), LIMITS["unknown"])
