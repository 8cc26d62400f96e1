"""What the rows show becomes a declaration that fits them, and the next caller too."""

import pyarrow as pa
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Feature
from goldenpath.project.task.feature_names import feature_names, model_name
from goldenpath.train.adoption.inferred_features import inferred_feature, widened
from goldenpath.train.data.table_file import Column


def column(values: list[object]) -> Column:
    return pa.table({"x": values})["x"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([18, 79], Feature("x", "number", minimum=0, maximum=110)),
        ([-3.5, 2.0], Feature("x", "number", minimum=-6.3, maximum=4.8)),
        ([-5, -1], Feature("x", "number", minimum=-7, maximum=0)),
        ([1.5, None], Feature("x", "number", minimum=0, maximum=3, missing=True)),
        ([1.5, float("nan")], Feature("x", "number", minimum=0, maximum=3, missing=True)),
        ([None, None], Feature("x", "number", missing=True)),
        (["b", "a", None], Feature("x", "category", categories=("a", "b"), missing=True)),
        (["007", "7"], Feature("x", "category", categories=("007", "7"))),
        ([True, False], Feature("x", "category", categories=(0.0, 1.0))),
        # A 32-bit float does not hold these codes: they are texts.
        ([10050001001, 10050001002],
         Feature("x", "category", categories=("10050001001", "10050001002"))),
    ],
)  # fmt: skip
def test_a_column_becomes_a_feature(values: list[object], expected: Feature) -> None:
    feature = inferred_feature("x", column(values))

    assert feature == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([f"client {n}" for n in range(201)], "201 different texts"),
        (["a" * 101], "1 to 100 characters"),
        ([[1.0, 2.0]], "expected numbers or texts"),
    ],
)
def test_a_column_that_is_no_feature_is_refused(values: list[object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        inferred_feature("x", column(values))


def test_a_range_holds_what_was_seen_and_keeps_its_sign() -> None:
    for low, high in ((0, 0), (5, 5), (0.001, 0.002), (-1e9, 1e9), (3, 1234567)):
        minimum, maximum = widened(low, high)

        assert minimum <= low <= high <= maximum
        assert (minimum >= 0) == (low >= 0)


def test_names_of_columns_become_names_of_features() -> None:
    names = feature_names(["sepal length (cm)", "2nd", "score", "a b", "a_b", "age"])

    assert names == {
        "sepal length (cm)": "sepal_length_cm",
        "2nd": "_2nd",
        "score": "score_",
        "a b": "a_b",
        "a_b": "a_b_2",
        "age": "age",
    }
    assert [model_name(each) for each in ("Model V1.2", "1st", "äö")] == [
        "model-v1-2", "model-1st", "model",
    ]  # fmt: skip
