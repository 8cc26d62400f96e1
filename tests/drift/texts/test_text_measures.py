"""What is measured in texts: lengths, and words that the reference does not have."""

from dataclasses import replace

import numpy as np
import pytest

from goldenpath.canonical import canonical_json, parse_object
from goldenpath.drift.counting import count
from goldenpath.drift.profile import Profile
from goldenpath.drift.profile_format import parse_profile, render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.drift.texts.text_measures import observed_columns
from goldenpath.errors import InvalidInput
from goldenpath.observe.drift.batch_verdict import batch_verdict
from goldenpath.observe.log.release_rules import unseen
from goldenpath.project.spec import Contract, Feature, MonitorSettings
from goldenpath.project.task.feature_parts import expanded
from goldenpath.project.task.text_parts import packed

DECLARED: list[dict[str, object]] = [
    {"name": "amount", "kind": "number"},
    {"name": "note", "kind": "text", "bytes": 90, "missing": True},
    {"name": "age", "kind": "number"},
]
FEATURES = tuple(
    Feature(**part)  # type: ignore[arg-type]
    for one in DECLARED
    for part in expanded(one)
)
CONTRACT = Contract("it", FEATURES, "p", None, MonitorSettings())


def words(sentence: str) -> list[str]:
    return sentence.split()


WORDS = words("my card was stolen and the bank did not answer me for a week")
FOREIGN = words("meine Karte wurde gestohlen und niemand antwortet mir seit einer Woche")


def rows_of(known: list[str], count: int, seed: int, longest: int = 9) -> np.ndarray:
    draw = np.random.default_rng(seed)
    texts = [" ".join(draw.choice(known, size)) for size in draw.integers(3, longest, count)]
    numbers = draw.normal(0, 1, (count, 2))
    parts = (numbers[:, :1], packed(texts, 30), numbers[:, 1:])
    return np.hstack(parts).astype(np.float32)


def profile_of(rows: np.ndarray) -> Profile:
    table = {feature.name: rows[:, at] for at, feature in enumerate(FEATURES)}
    return build_profile(CONTRACT, table, np.linspace(0, 1, len(rows)))


REFERENCE = rows_of(WORDS, 400, 1)
PROFILE = profile_of(REFERENCE)


def drifting(rows: np.ndarray) -> list[str]:
    counts = count(PROFILE, rows, np.linspace(0, 1, len(rows)).astype(np.float32))
    verdict = batch_verdict(PROFILE, counts, MonitorSettings(), days=1, chance=0.01)
    return sorted(column.name for column in verdict.columns if column.is_drifting)


def test_a_text_is_two_columns_of_a_profile_that_is_stored_and_read() -> None:
    names = [bins.name for bins in PROFILE.features]

    assert names == ["amount", "note.length", "note.unseen", "age"]
    assert PROFILE.inputs == len(FEATURES) == 32
    assert parse_profile(render_profile(PROFILE)) == PROFILE
    assert "stolen" not in render_profile(PROFILE).decode()


def test_equal_texts_do_not_drift_and_another_language_does() -> None:
    assert drifting(rows_of(WORDS, 400, 2)) == []
    assert "note.unseen" in drifting(rows_of(FOREIGN, 400, 3))
    assert "note.length" in drifting(rows_of(WORDS, 400, 4, longest=5))


def test_missing_texts_are_drift() -> None:
    rows = rows_of(WORDS, 400, 5)
    rows[:200, 1:31] = np.nan

    assert "note.length" in drifting(rows)


def test_a_word_of_one_row_alone_is_as_unseen_as_one_of_live_rows() -> None:
    texts = ["the red car", "the blue car", None]
    profile = profile_of(np.hstack([np.zeros((3, 1)), packed(texts, 30), np.zeros((3, 1))]))

    columns = [*observed_columns(profile.features, packed_row("The GREEN car"))]
    own = [*observed_columns(profile.features, packed_row("the red car"))]

    assert columns[1].tolist() == [13]
    assert columns[2].tolist() == pytest.approx([1 / 3])
    assert own[2].tolist() == [0]
    assert profile.features[2].counts[-1] == 1, "the missing text"
    assert profile.features[2].atoms == pytest.approx((1 / 3,)), "red and blue are in one row each"


def packed_row(text: str) -> np.ndarray:
    zero = np.zeros((1, 1))
    return np.hstack([zero, packed([text], 30), zero]).astype(np.float32)


def test_the_record_counts_a_strange_text_once_for_each_measure() -> None:
    total, _ = unseen(PROFILE, packed_row("wholly other vocabulary"))

    assert total.tolist() == [1], "of the unseen words; the length is usual"


@pytest.mark.parametrize("change", [{"width": 0}, {"known": "zz"}, {"kind": "mood"}])
def test_a_measure_that_fits_no_text_is_refused(change: dict[str, object]) -> None:
    value = parse_object(render_profile(PROFILE), "profile")
    assert isinstance(value["features"], list)
    measure = value["features"][2]
    assert isinstance(measure, dict) and isinstance(measure["text"], dict)
    measure["text"] |= change  # type: ignore[arg-type]

    with pytest.raises(InvalidInput):
        parse_profile(canonical_json(value))


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(InvalidInput, match="32"):
        count(replace(PROFILE), REFERENCE[:, :4], np.zeros(400, np.float32))
