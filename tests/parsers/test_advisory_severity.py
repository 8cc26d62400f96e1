"""The severity of an advisory: scores of CVSS 3 vectors, words of databases, and silence."""

import pytest

from goldenpath.canonical import JsonValue
from goldenpath.parsers.advisory_severity import SeverityBand, band_of, base_score, severity_of


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # Published examples of the first.org calculator and of the specification.
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", 1.6),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O", 9.8),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
        ("CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
        ("9.8", None),
        ("", None),
    ],
)
def test_the_base_score_of_a_vector(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


@pytest.mark.parametrize(
    ("advisory", "band"),
    [
        ({"severity": [{"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]}, "critical"),
        ({"database_specific": {"severity": "MODERATE"}}, "medium"),
        ({"affected": [{"database_specific": {"severity": "high"}}]}, "high"),
        ({"severity": [{"score": "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}],
          "database_specific": {"severity": "HIGH"}}, "high"),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, "unknown"),
        ({"severity": "HIGH"}, "unknown"),
        ({"database_specific": {"severity": "SEVERE"}}, "unknown"),
        ({}, "unknown"),
    ],
)  # fmt: skip
def test_the_worst_that_an_advisory_names_counts(
    advisory: dict[str, JsonValue], band: SeverityBand
) -> None:
    assert band_of(severity_of(advisory)) == band
