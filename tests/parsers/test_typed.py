"""Typed files: a file without faults becomes a value, and a file with faults lists them all."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.parsers.typed import decode_record, parse_typed, read_bounded, read_typed, typed


class Port(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, Meta(pattern="^[a-z]+$")]
    number: Annotated[int, Meta(ge=1, le=65535)] = 80
    note: str | None = None


class Listener(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    version: Literal[1]
    ports: Annotated[tuple[Port, ...], Meta(min_length=1)]


def test_a_file_without_faults_is_a_value() -> None:
    content = b'{"version": 1, "ports": [{"name": "web"}]}'
    assert parse_typed(content, Listener, "f") == Listener(1, (Port("web"),))


def test_every_fault_is_named_at_once() -> None:
    value = {
        "version": 2,
        "ports": [{"name": "Web", "number": 0}, {"nmae": "x", "note": 5}],
        "verison": 1,
    }

    with pytest.raises(InvalidInput) as refused:
        typed(value, Listener, "f.toml", hint="see the example")

    assert refused.value.message == (
        "f.toml has 7 faults: "
        "verison: expected a known key: ports, version, got an unknown key "
        "(did you mean version?); "
        "ports[0].name: expected a text like ^[a-z]+$, got 'Web'; "
        "ports[0].number: expected at least 1, got 0; "
        "ports[1].name: expected a value, got nothing; "
        "ports[1].nmae: expected a known key: name, note, number, got an unknown key "
        "(did you mean name?); "
        "ports[1].note: expected a value of type string or null, got 5; "
        "version: expected one of 1, got 2"
    )
    assert refused.value.hint == "see the example"


def test_a_single_fault_is_counted_as_a_fault() -> None:
    with pytest.raises(InvalidInput, match=r"^f has a fault: ports: expected a list with"):
        typed({"version": 1, "ports": []}, Listener, "f")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": ' + b"[" * 200_000, "nested too deeply: expected at most 100 levels"),
        (b'{"a": "\\"", "b": ' + b'["]", ' * 200_000, "nested too deeply"),
        (b'{"a": 1, "a": 1}', "key 'a' occurs twice"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"\0", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[]", "a value of type object"),
    ],
)
def test_a_hostile_document_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_typed(content, Listener, "f")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "f.json"
    with pytest.raises(FileNotFoundError):
        read_typed(file, Listener)
    with pytest.raises(Unavailable, match="cannot be read"):
        read_bounded(tmp_path, 10)

    file.write_bytes(b"12345")

    assert read_bounded(file, 5) == b"12345"
    with pytest.raises(InvalidInput, match="at most 4 bytes"):
        read_bounded(file, 4)


def test_a_record_of_another_process_is_checked_as_strictly() -> None:
    content = b'{"version": 1, "ports": [{"name": "web"}]}'
    assert decode_record(content, Listener, "f") == Listener(1, (Port("web"),))
    with pytest.raises(InvalidInput, match="f has 2 faults"):
        decode_record(b'{"version": 1, "ports": [{"number": 0}]}', Listener, "f")
    with pytest.raises(InvalidInput, match="f is not valid JSON"):
        decode_record(b'{"version": 1', Listener, "f")
    with pytest.raises(InvalidInput, match="f is nested too deeply"):
        decode_record(b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}", Listener, "f")
