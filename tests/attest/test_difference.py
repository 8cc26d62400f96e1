"""Differences of releases."""

from pathlib import Path

import pytest

from goldenpath.artifact.pack import pack
from goldenpath.attest.difference import Change, changes, facts
from goldenpath.canonical import JsonValue
from goldenpath.registry.memory import MemoryStore
from tests.artifact.made import contents


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": 1}, {"a": 2}, (("a", 1, 2),)),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, (("a.b", 1, None), ("a.c", None, 1))),
        ([{"name": "x", "v": 1}], [{"name": "y", "v": 2}, {"name": "x", "v": 1}],
         (("y.name", None, "y"), ("y.v", None, 2))),
        ([1, 2], [2, 1], (("", [1, 2], [2, 1]),)),
        (None, {"a": 1}, (("a", None, 1),)),
    ],
)  # fmt: skip
def test_a_difference_names_the_value(
    before: JsonValue, after: JsonValue, expected: tuple[tuple[str, JsonValue, JsonValue], ...]
) -> None:
    found = changes({"data": before}, {"data": after})

    assert found == tuple(Change("data", *each) for each in expected)


def test_two_releases_differ_in_what_was_changed(tmp_path: Path) -> None:
    store = MemoryStore()
    first = pack(store, contents(tmp_path / "a"))
    second = pack(store, contents(tmp_path / "b", b"other"))

    found = changes(facts(store, first.image.digest), facts(store, second.image.digest))

    assert [(change.section, change.path) for change in found] == [("files", "models/model.onnx")]
    assert changes(facts(store, first.image.digest), facts(store, first.image.digest)) == ()
