"""The YAML reader: the same values as PyYAML, and no file can end the process that reads it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.canonical import MAX_DEPTH
from goldenpath.errors import InvalidInput
from goldenpath.parsers.yaml_parser import MAX_YAML, parse_yaml, render_yaml

LARGE = 120_000
HOSTILE: Mapping[str, tuple[bytes, str]] = {
    "flow lists": (b"a: " + b"[" * LARGE + b"]" * LARGE, "nested too deeply in line 1"),
    "flow lists without an end": (b"a: " + b"[" * LARGE, "nested too deeply"),
    "flow mappings": (b"a: " + b"{a: " * (LARGE // 2), "nested too deeply"),
    "block lists": (b"- " * LARGE, "nested too deeply"),
    "block keys": (b"? " * LARGE, "is not a string|nested too deeply"),
    "block values": (b"a:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 600)), "too deeply"),
    "behind a quote": (b"a: ']]]]'\nb: " + b"[']'," * (LARGE // 4), "nested too deeply in line 2"),
    "behind a comment": (b"a: [ # ]]]]\n" * 300, "nested too deeply|not valid YAML"),
    "behind a block scalar": (b"a: |\n ]]]]\nb: " + b"[" * LARGE, "nested too deeply in line 3"),
    "aliases": (b"a: &a [1, 1]\nb: [*a, *a]\n", r"alias, \*a in line 2"),
    "an alias of itself": (b"a: &a [*a]\n", "alias"),
    "a tag": (b"a: !!python/object:os.system {}\n", "the tag .* is not known in line 1"),
    "a tag of a set": (b"a: !!set {b}\n", "is not known"),
    "a merge": (b"a: {<<: {b: 1}}\n", "the merge key .<<. is not supported"),
    "a key twice": (b"a: 1\nb: 2\na: 3\n", "key 'a' occurs twice in line 3"),
    "a key that is a number": (b"a:\n  1: 2\n", "key '1' is not a string: quote it in line 2"),
    "a key that is a list": (b"[a, b]: 1\n", "a key is not a string"),
    "two documents": (b"a: 1\n---\na: 2\n", "a second document begins in line 2"),
    "many documents": (b"a: 1\n" + b"---\n" * (LARGE // 2), "a second document"),
    "a number of base 60": (b"a: 1" + b":1" * LARGE, "a number has more than 64 characters"),
    "a long number": (b"a: " + b"9" * LARGE, "a number has more than 64 characters"),
    "not a number": (b"a: .nan\n", "is not a number that JSON allows"),
    "infinity": (b"a: .inf\n", "is not a number that JSON allows"),
    "not UTF-8": (b"a: \xff\n", "is not UTF-8: invalid start byte at byte 3"),
    "UTF-16": ("a: 1\n".encode("utf-16"), "is not UTF-8"),
    "NUL": (b"a: \0\n", "not valid YAML"),
    "too large": (b"a: " + b"x" * MAX_YAML, f"at most {MAX_YAML} bytes"),
    "no mapping": (b"- 1\n", "does not hold a mapping"),
    "nothing": (b"", "does not hold a mapping"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_the_process_goes_on(name: str) -> None:
    content, message = HOSTILE[name]

    with pytest.raises(InvalidInput, match=message) as refused:
        parse_yaml(content, "f.yaml")
    assert refused.value.message.startswith("f.yaml ")
    assert len(refused.value.message) < 400


def test_a_deep_file_ends_a_process_that_reads_it_with_pyyaml() -> None:
    """This is the reason for a reader of our own."""
    read = "import yaml, sys; yaml.load(sys.stdin.buffer.read(), Loader=yaml.CSafeLoader)"
    content, _ = HOSTILE["flow lists"]

    ended = subprocess.run([sys.executable, "-c", read], input=content, capture_output=True)

    assert ended.returncode < 0


def test_as_many_levels_as_the_limit_says_are_read() -> None:
    levels = MAX_DEPTH - 1
    assert parse_yaml(b"a: " + b"[" * levels + b"]" * levels, "f")["a"] is not None
    with pytest.raises(InvalidInput, match=f"at most {MAX_DEPTH} levels"):
        parse_yaml(b"a: " + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "f")


def test_many_short_lists_are_not_deep() -> None:
    assert len(parse_yaml(b"a:\n" + b"- [1, {b: '[['}]\n" * 5000, "f")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: [yes, no, on, off, true, ~, null, '', 'yes']",
        "a: [1, -1, +1, 0x1f, 0b11, 017, 1_000, 1:30, 1.5, 1e3, 1.5e+3, .5, '1']",
        "a: !!str 5\nb: !!int '5'\nc: ! 5\nd: !!map {}\ne: !!seq []",
        "a: >\n folded\n text\nb: |-\n kept\n",
        "%YAML 1.1\n---\na: {b: {c: [d, {e: f}]}}\n...\n",
        "\ufeffa: ü",
        "'a': \"\\u00fc\\n\"\n? b\n: c\n",
        "a:\nb: &anchor {c: 1}\n",
        "a: ''\n'': b\n",
    ],
)
def test_a_value_is_the_one_that_pyyaml_reads(text: str) -> None:
    content = text.encode()
    assert parse_yaml(content, "f") == yaml.safe_load(content)


def test_a_date_is_read_as_text() -> None:
    assert parse_yaml(b"a: 2026-01-31\n", "f") == {"a": "2026-01-31"}
    assert yaml.safe_load(b"a: 2026-01-31\n") == {"a": date(2026, 1, 31)}


def test_with_number_keys_a_number_is_a_key() -> None:
    content = b"17: a\n2.5: b\nyes: c\n'9': d\n"

    value = parse_yaml(content, "f", number_keys=True)

    assert value == {"17": "a", "2.5": "b", "yes": "c", "9": "d"}
    with pytest.raises(InvalidInput, match="occurs twice"):
        parse_yaml(b"9: a\n'9': b\n", "f", number_keys=True)


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=9), _values, max_size=4))
def test_what_was_rendered_reads_back_the_same(value: dict[str, object]) -> None:
    assert parse_yaml(render_yaml(value), "f") == value


@given(st.text(alphabet="[]{}:,-?&*!|>'\"#% \nab1=~<", max_size=60))
def test_any_text_is_read_like_pyyaml_or_refused(text: str) -> None:
    try:
        value = parse_yaml(text.encode(), "f")
    except InvalidInput:
        return
    assert json.dumps(value) == json.dumps(yaml.safe_load(text))
