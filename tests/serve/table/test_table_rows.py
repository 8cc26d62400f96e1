"""Rows of a table are judged like the rows of a request, and every refusal names its value."""

import numpy as np
import pyarrow as pa
import pytest

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Contract, Feature, MonitorSettings
from goldenpath.serve.protocol.inputs import InputRules
from goldenpath.serve.table.table_rows import TableRows, table_rows

AGE = Feature("age", "number", minimum=0, maximum=120)
FREE = Feature("income", "number", missing=True)
PRODUCT = Feature("product", "category", categories=("10050001", "10050002"))
STATUS = Feature("status", "category", categories=(0.0, 1.0), labels=("single", "married"))
WHOLE = Feature("cents", "number", minimum=0, maximum=1e9, whole=True)


def rows(feature: Feature, values: list[object]) -> TableRows:
    contract = Contract("it", (feature,), "answer", None, MonitorSettings())
    return table_rows(pa.table({feature.name: values}), contract, InputRules(contract))


@pytest.mark.parametrize(
    ("feature", "values", "expected"),
    [
        (AGE, [18, 79.5], [18, 79.5]),
        (AGE, ["18", "7.9e1"], [18, 79]),
        (AGE, [True, False], [1, 0]),
        (FREE, ["", "NA", None, "3"], [np.nan, np.nan, np.nan, 3]),
        (FREE, [None, None], [np.nan, np.nan]),
        (PRODUCT, ["10050002", "10050001"], [1, 0]),
        (PRODUCT, [10050002, 10050001], [1, 0]),
        (PRODUCT, [10050002.0, 10050001.0], [1, 0]),
        (STATUS, ["married", "single"], [1, 0]),
        (STATUS, ["1", "single"], [1, 0]),
        (STATUS, [1, 0], [1, 0]),
    ],
)
def test_values_are_read_in_every_form_in_which_people_keep_them(
    feature: Feature, values: list[object], expected: list[float]
) -> None:
    read = rows(feature, values)

    assert not read.refusals
    np.testing.assert_array_equal(read.values[:, 0], np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("feature", "value", "message"),
    [
        (AGE, 121, "column age: expected 0 to 120, got 121"),
        (AGE, "old", "column age: expected 0 to 120, got 'old'"),
        (AGE, None, "column age: expected 0 to 120, got nothing"),
        (PRODUCT, "10050003", "column product: expected one of 10050001, 10050002, got '10050003'"),
        (STATUS, "widow", "column status: expected one of 0 (single), 1 (married), got 'widow'"),
        (STATUS, 2, "column status: expected one of 0 (single), 1 (married), got 2"),
        (WHOLE, 16777217, "column cents: expected a whole number, 0 to 1e+09, and a whole number "
         "only if a 32-bit float holds it (all do up to 16777216), got 16777217"),
    ],
)  # fmt: skip
def test_a_refused_row_says_column_value_and_what_is_allowed(
    feature: Feature, value: object, message: str
) -> None:
    good = {"product": 10050001, "status": 0}.get(feature.name, 1)
    values: list[object] = [str(good) if isinstance(value, str) else good, value]
    read = rows(feature, values)

    assert read.refusals == {1: message}
    assert not np.isfinite(read.values[1, 0]), "the server has to refuse it too"


def test_a_column_of_another_type_is_named() -> None:
    with pytest.raises(InvalidInput, match="column 'age' holds list"):
        rows(AGE, [[1], [2]])
