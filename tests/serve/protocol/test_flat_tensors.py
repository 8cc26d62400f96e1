"""Two readers, one meaning: what the quick one takes, the general one takes alike."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.errors import InvalidInput
from goldenpath.serve.protocol.flat_tensors import IS_AVAILABLE, LONGEST_FRAME, SMALLEST, FlatReader
from goldenpath.serve.protocol.open_inference import Reader
from goldenpath.serve.protocol.tensors import InputShape
from tests.sizes import examples

SHAPE = InputShape("features", ("limit", "age", "status", "paid"))
ROWS = 40


def _body(**changes: object) -> dict[str, object]:
    data = [float(number) / 7 for number in range(4 * ROWS)]
    tensor = {"name": "features", "shape": [ROWS, 4], "datatype": "FP32", "data": data}
    return {"inputs": [tensor | changes]}


def _same(body: bytes, reader: FlatReader | None = None) -> bool:
    """Whether the quick reader took it; if so, both agree on what it says."""
    found = (reader or FlatReader(SHAPE)).read(body)
    if found is None:
        return False
    rows, request_id = found
    question = Reader(SHAPE, ("probability",), flat=False).read(body, None)
    general = np.array(question.values).reshape(-1, 4)
    np.testing.assert_array_equal(rows, general)
    assert (question.id, question.rows, question.subjects) == (request_id, len(rows), None)
    return True


@pytest.mark.skipif(not IS_AVAILABLE, reason="simdjson has no build for this machine")
def test_the_common_request_is_read_quickly() -> None:
    assert _same(json.dumps(_body()).encode())
    assert _same(json.dumps({"id": "mine", **_body()}).encode())
    assert _same(json.dumps(_body(data=[1] * 4 * ROWS)).encode())
    assert _same(json.dumps(_body(data=[1e300, -1e39, 1e-60, -0.0] * ROWS)).encode())


_EXTREME = [
    _body(data=[[1.0, 2.0, 3.0, 4.0]] * ROWS),
    _body(data=[1.0] * (4 * ROWS - 1) + [None]),
    _body(data=[True] * 4 * ROWS),
    _body(data=["1"] * 4 * ROWS),
    _body(data=[1.0] * (4 * ROWS - 1)),
    _body(data=[10**25] * 4 * ROWS),
    _body(shape=[float(ROWS), 4]),
    _body(shape=[True, 4], data=[1.0, 2.0, 3.0, 4.0], note="x" * SMALLEST),
    _body(shape=[ROWS, 4, 1]),
    _body(shape=[ROWS * 2, 2]),
    _body(shape={"0": ROWS}),
    _body(name="limit"),
    _body(datatype="BYTES"),
    _body(parameters={"binary_data_size": 16}),
    {**_body(), "parameters": {"subjects": ["a"] * ROWS}},
    {**_body(), "outputs": [{"name": "probability"}]},
    {"id": 7, **_body()},
    {"inputs": _body()},
    {"inputs": []} | {"note": "[[" + "x" * SMALLEST},
]


@pytest.mark.parametrize("body", _EXTREME, ids=range(len(_EXTREME)))
def test_everything_else_is_left_to_the_general_reader(body: object) -> None:
    assert FlatReader(SHAPE).read(json.dumps(body).encode()) is None


def test_text_that_two_parsers_may_read_differently_is_left_to_the_general_reader() -> None:
    good = json.dumps(_body())
    twice = good.replace('"name"', '"name": "features", "name"')
    for text in (twice, good[:-1] + ', "inputs": 1}', good + " x", good[:-1], good.upper()):
        assert FlatReader(SHAPE).read(text.encode()) is None
    replaced = good.replace("features", "\udcff").encode("utf-8", "replace")
    assert FlatReader(SHAPE).read(replaced) is None
    assert FlatReader(SHAPE).read(good.encode() + b"\xff") is None


def _between(body: bytes, numbers: bytes) -> bytes:
    """The body with something else where its numbers are."""
    start = body.index(b"[", body.index(b'"data":'))
    return body[: start + 1] + numbers + body[body.index(b"]", start) :]


_NUMBERS = b", ".join(b"%d.25" % number for number in range(4 * ROWS))
_NASTY = [
    _NUMBERS + b", 1",
    _NUMBERS.rpartition(b",")[0],
    _NUMBERS + b", 1e",
    _NUMBERS + b",",
    _NUMBERS + b", null",
    b'"' + _NUMBERS + b'"',
    b"[" + _NUMBERS + b"]",
    b"[1], [" + _NUMBERS,
    _NUMBERS.replace(b"3.25", b"[3.25]", 1),
    _NUMBERS.replace(b"3.25", b"true", 1),
    _NUMBERS.replace(b"3.25", b"NaN", 1),
    _NUMBERS.replace(b"3.25", b"03.25", 1),
    _NUMBERS.replace(b"3.25", b"1" * 40, 1),
    _NUMBERS.replace(b"3.25", b'{"a": 1}', 1),
    _NUMBERS.replace(b", ", b" ", 1),
    _NUMBERS + b'], "data": [' + _NUMBERS,
    b" " * SMALLEST,
    b"",
]


@pytest.mark.skipif(not IS_AVAILABLE, reason="simdjson has no build for this machine")
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_form_that_is_known_takes_what_it_took_and_nothing_else(
    separators: tuple[str, str],
) -> None:
    first = json.dumps(_body(), separators=separators).encode()
    last = {**_body()["inputs"][0]}  # type: ignore[index]
    last["shape"] = last.pop("shape")
    for body in (first, json.dumps({"inputs": [last]}, separators=separators).encode()):
        reader = FlatReader(SHAPE)
        assert _same(body, reader)
        assert _same(_between(body, _NUMBERS), reader)
        for numbers in _NASTY:
            assert not _same(_between(body, numbers), reader), numbers
        behind = body[body.index(b"]", body.index(b'"data":')) :]
        for other in (body + b" ]", body[: -len(behind)], body[: -len(behind)] + b"[" + behind):
            assert not _same(other, reader)
        assert _same(body, reader)


@pytest.mark.skipif(not IS_AVAILABLE, reason="simdjson has no build for this machine")
@given(st.binary(max_size=40), st.integers(0, 600))
@examples(100, 200)
def test_a_known_form_with_any_bytes_in_it_is_read_as_the_general_reader_does(
    noise: bytes, place: int
) -> None:
    reader, body = FlatReader(SHAPE), json.dumps(_body()).encode()
    assert _same(body, reader)
    other = body[:place] + noise + body[place + len(noise) :]
    if reader.read(other) is not None:
        assert _same(other, reader)


def test_only_short_forms_are_remembered() -> None:
    padded = json.dumps(_body()).replace('"shape"', " " * LONGEST_FRAME + '"shape"').encode()
    reader = FlatReader(SHAPE)
    assert _same(padded, reader) == _same(padded, reader) == IS_AVAILABLE
    assert not reader.forms


@examples(100, 200)
@given(
    st.lists(st.floats() | st.integers(-(2**65), 2**65), min_size=8, max_size=8),
    st.integers(0, 400),
    st.binary(min_size=0, max_size=2),
)
def test_whatever_is_sent_both_readers_agree(
    numbers: list[float], place: int, noise: bytes
) -> None:
    text = json.dumps(_body(shape=[2, 4], data=numbers, datatype="FP64"), indent=40).encode()
    body = text[:place] + noise + text[place:]
    try:
        _same(body)
    except InvalidInput as error:
        raise AssertionError(f"only the quick reader takes it: {error}") from error


def test_both_readers_serve_the_same_question() -> None:
    body = json.dumps(_body()).encode()
    quick, general = (Reader(SHAPE, ("probability",), flat=flat) for flat in (IS_AVAILABLE, False))
    ours, theirs = quick.read(body, None), general.read(body, None)
    np.testing.assert_array_equal(
        np.array(ours.values).reshape(-1, 4), np.array(theirs.values).reshape(-1, 4)
    )
    assert ours.rows == theirs.rows == ROWS
