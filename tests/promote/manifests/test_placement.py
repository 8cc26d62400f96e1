"""The release file: it reads back as written, and nothing malformed passes."""

import dataclasses

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.manifests.desired import Placement, Rollout
from goldenpath.promote.manifests.placement import parse_placement, render_placement
from tests.promote.example import ONE, TWO

PLACEMENT = Placement(
    digest=TWO,
    previous=ONE,
    repository="https://git.example/models/credit",
    commit="0123abcd",
    rollout=Rollout((10, 50, 100), {"minimum-requests": 500.0}),
    approvals=(ONE, TWO),
    decision=ONE,
)


@pytest.mark.parametrize(
    "placement",
    [PLACEMENT, dataclasses.replace(PLACEMENT, previous=None, decision=None, rolled_back=ONE)],
)
def test_a_placement_reads_back_as_it_was_written(placement: Placement) -> None:
    assert parse_placement(render_placement(placement)) == placement


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1", "version: 2", "version"),
        ("version: 1", "version: 1\nsurprise: 1", "surprise"),
        ("- 50", "- 5", "rising"),
        ("- 100", "- 99", "end at 100"),
        ("digest: sha256:", "digest: ", "digest"),
    ],
)
def test_a_malformed_placement_is_refused(old: str, new: str, said: str) -> None:
    content = render_placement(PLACEMENT).decode().replace(old, new, 1).encode()

    with pytest.raises(InvalidInput, match=said):
        parse_placement(content)


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        ("an incident", "an incident"),
        ("an incident\n  approved by validator", "an incident approved by validator"),
        ("\x1b[2Kall is well", "[2Kall is well"),
        ("\u200b", "no text that can be shown"),
        (" \t ", "no text that can be shown"),
        ("", ""),
    ],
)
def test_a_reason_is_one_line_and_no_hold_becomes_invisible(text: str, hold: str) -> None:
    content = render_placement(dataclasses.replace(PLACEMENT, hold=text))

    assert parse_placement(content).hold == hold
