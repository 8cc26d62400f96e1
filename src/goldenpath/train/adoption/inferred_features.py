"""Derives the features of a contract from the columns of a table. Pure.

A range is wider than what the rows show, because the next caller is a little older than everybody
before. Texts become categories; how many a column may have is limited, because each is declared.
"""

import math
from collections.abc import Mapping

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import Feature
from goldenpath.project.task.feature_parts import MOST_NUMBERS, expanded, moment_numbers
from goldenpath.project.task.task_faults import LARGEST_CODE
from goldenpath.project.task.text_parts import MOST_BYTES
from goldenpath.train.data.table_file import Column

MOST_CATEGORIES = 200
"""Texts of one column. A column with more is an identifier, or free text."""
LONGEST_CATEGORY = 100


def inferred_parts(name: str, values: Column, taken_as: str) -> tuple[Feature, ...]:
    """Return the features of one column: of a vector, a time or a free text its parts.

    `taken_as` is the type of the input of the graph. Raises `InvalidInput` as `inferred_feature`.
    """
    declared = _declared(name, values, taken_as)
    if declared is None:
        return (inferred_feature(name, values, whole="int" in taken_as),)
    return tuple(msgspec.convert(part, Feature) for part in expanded(declared))


def _declared(name: str, values: Column, taken_as: str) -> Mapping[str, object] | None:
    """Return how a vector, a time or a free text is declared; None for another column."""
    kind = values.type
    declared: dict[str, object] = {"name": name}
    if values.null_count:
        declared["missing"] = True
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return {**declared, "kind": "timestamp"}
    if is_list(values):
        return {**declared, **_vector(name, values)}
    if not is_text(values):
        return None
    texts = [str(text) for text in pc.unique(values.cast(pa.string())).drop_null().to_pylist()]
    if "string" not in taken_as:
        return {**declared, "kind": "timestamp"} if texts and all(map(_is_moment, texts)) else None
    longest = max((len(text.encode()) for text in texts), default=0)
    if len(texts) <= MOST_CATEGORIES and longest <= LONGEST_CATEGORY:
        return None
    if longest > MOST_BYTES:
        raise InvalidInput(
            f"column {name!r} has a text of {longest} bytes: expected at most {MOST_BYTES}",
            hint="cut the texts where the table is made, as callers will have to",
        )
    # The next caller writes a little more than everybody before.
    return {**declared, "kind": "text", "bytes": min(-(-2 * longest // 100) * 100, MOST_BYTES)}


def is_list(values: Column) -> bool:
    """Return whether a column holds lists."""
    kind = values.type
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _vector(name: str, values: Column) -> Mapping[str, object]:
    shown = pc.unique(pc.list_value_length(values)).drop_null().to_pylist()
    lengths = [each for each in shown if each is not None]
    if len(lengths) != 1 or not 2 <= lengths[0] <= MOST_NUMBERS:
        raise InvalidInput(
            f"column {name!r} has lists of {', '.join(map(str, lengths[:5])) or 'no'} values: "
            f"expected one length from 2 to {MOST_NUMBERS}"
        )
    try:
        flat = pc.list_flatten(values).cast(pa.float64())
    except pa.ArrowException as error:
        raise InvalidInput(f"column {name!r} has lists of other values than numbers") from error
    numbers = pa.chunked_array([flat]) if isinstance(flat, pa.Array) else flat
    present = numbers.filter(pc.is_finite(numbers))
    vector: dict[str, object] = {"kind": "vector", "length": lengths[0]}
    if len(present):
        vector["minimum"], vector["maximum"] = widened(*_ends(present))
    if len(present) < len(numbers):
        vector["missing"] = True
    return vector


def _is_moment(text: str) -> bool:
    try:
        moment_numbers(text)
    except ValueError:
        return False
    return True


def inferred_feature(name: str, values: Column, *, whole: bool = False) -> Feature:
    """Return the feature of one column. Raises `InvalidInput` for values that none can have."""
    is_missing = bool(values.null_count)
    kind = values.type
    if pa.types.is_boolean(kind):
        return Feature(name, "category", categories=(0.0, 1.0), missing=is_missing)
    if is_text(values):
        return Feature(name, "category", categories=_texts(name, values), missing=is_missing)
    if pa.types.is_null(kind):
        return Feature(name, "number", missing=True)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InvalidInput(
            f"column {name!r} holds {kind}: expected numbers or texts",
            hint="leave it out by --features, or give it as a number, such as days since 2000",
        )
    numbers = values.cast(pa.float64())
    present = numbers.filter(pc.is_finite(numbers))
    is_missing = len(present) < len(numbers)
    if not len(present):
        return Feature(name, "number", missing=True)
    low, high = _ends(present)
    if pa.types.is_integer(kind) and max(abs(low), abs(high)) > LARGEST_CODE:
        texts = values.cast(pa.string())
        return Feature(name, "category", categories=_texts(name, texts), missing=is_missing)
    minimum, maximum = widened(low, high)
    return Feature(
        name, "number", minimum=minimum, maximum=maximum, missing=is_missing, whole=whole
    )


def is_text(values: Column) -> bool:
    """Return whether a column holds texts."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def seen_text(values: Column) -> str:
    """Return what the rows showed of a column, in words."""
    missing = f", {values.null_count} missing" if values.null_count else ""
    if is_text(values) or pa.types.is_boolean(values.type):
        distinct = pc.count_distinct(values, mode="only_valid").as_py()
        return f"{distinct} different values{missing}"
    if is_list(values):
        return f"lists of numbers{missing}"
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return f"{pc.min(values).as_py()} to {pc.max(values).as_py()}{missing}"
    numbers = values.cast(pa.float64())
    present = numbers.filter(pc.is_finite(numbers))
    if not len(present):
        return "no value"
    low, high = _ends(present)
    return f"{low:.6g} to {high:.6g}{missing}"


def _ends(values: Column) -> tuple[float, float]:
    return float(pc.min(values).as_py()), float(pc.max(values).as_py())


def widened(low: float, high: float) -> tuple[float, float]:
    """Return a range around the seen one, with round ends: half of its width more on each side.

    What was never negative does not become negative, and what was never positive not positive.
    """
    room = (high - low) / 2 or abs(high) or 1.0
    lower, upper = _rounded(low - room, down=True), _rounded(high + room, down=False)
    return max(lower, 0.0) if low >= 0 else lower, min(upper, 0.0) if high <= 0 else upper


def _rounded(number: float, *, down: bool) -> float:
    """Return the next number with two digits below or above."""
    if not number:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    whole = math.floor(number / step) if down else math.ceil(number / step)
    return float(f"{whole * step:.12g}")


def _texts(name: str, values: Column) -> tuple[str, ...]:
    """Return the distinct texts, sorted. Raises `InvalidInput` if they are too many or too long."""
    texts = [str(text) for text in pc.unique(values.cast(pa.string())).drop_null().to_pylist()]
    if len(texts) > MOST_CATEGORIES:
        raise InvalidInput(
            f"column {name!r} has {len(texts)} different texts: expected at most "
            f"{MOST_CATEGORIES}, as categories",
            hint="leave it out by --features if it only identifies rows",
        )
    long = next((text for text in texts if not 0 < len(text) <= LONGEST_CATEGORY), None)
    if long is not None:
        raise InvalidInput(
            f"column {name!r} has the text {long[:40]!r}: expected categories of 1 to "
            f"{LONGEST_CATEGORY} characters"
        )
    return tuple(sorted(texts))
