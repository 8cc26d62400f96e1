"""The TOML reader: depth is bounded before `tomllib` sees the file, strings and comments aside."""

import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.canonical import MAX_DEPTH
from goldenpath.errors import InvalidInput
from goldenpath.parsers.toml_parser import MAX_TOML, parse_toml

LARGE = 100_000
DEEP: Mapping[str, str] = {
    "lists": "a = " + "[" * LARGE + "]" * LARGE,
    "lists without an end": "a = " + "[" * LARGE,
    "tables": "a = " + "{a = " * LARGE,
    "a dotted key": ".".join("a" * LARGE) + " = 1",
    "a dotted key with quotes": "a.'b'.\"c\" . " * 1000 + "d = 1",
    "a header": "[" + ".".join("a" * LARGE) + "]",
    "behind a text": "a = '''\n]]'''\nb = ']]]'\nc = " + "[" * LARGE,
    "behind four quotes": 'a = """x""""\nb = [ """ ]]] """,' + "[" * LARGE + '"""x"""',
    "behind an escaped quote": 'a = "\\"]]]"\nb = ["]", ' + '["]", ' * 200,
    "behind a comment": "a = [ # ]]]]\n" + "[ # ]\n" * 200,
}


@pytest.mark.parametrize("name", DEEP)
def test_a_deep_file_is_refused_before_it_is_parsed(name: str) -> None:
    with pytest.raises(InvalidInput, match=f"f.toml is nested too deeply: .* {MAX_DEPTH} levels"):
        parse_toml(DEEP[name].encode(), "f.toml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\na = 2", "not valid TOML: Cannot overwrite a value"),
        (b"a = ", "not valid TOML"),
        (b"a = '\0'", "not valid TOML"),
        (b"a = '\xff'", "not UTF-8: invalid start byte at byte 5"),
        (b"#" * (MAX_TOML + 1), f"too large: expected at most {MAX_TOML} bytes"),
        (b'a = """' + b'\\"""' * LARGE, "not valid TOML"),
        (b'"' * LARGE, "not valid TOML"),
    ],
)
def test_a_file_that_is_not_toml_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"f.toml is {message}"):
        parse_toml(content, "f.toml")


@pytest.mark.parametrize(
    "text",
    [
        "a = [" + "[1.5, 'x.y.z'],\n" * 500 + "]",
        "".join(f"[a.b.c{n}]\nd.e = '{'.' * 300}'\n" for n in range(200)),
        'a = "' + "[" * 500 + '"\nb = """' + "{" * 500 + '"""\n# ' + "[" * 500,
        "a = '''" + "[" * 500 + "'''''\nb = [1979-05-27T07:32:00Z]",
    ],
)
def test_brackets_and_dots_in_strings_do_not_count_as_depth(text: str) -> None:
    assert parse_toml(text.encode(), "f") == tomllib.loads(text)


_PIECES = ['"""', "'''", '"', "'", "[", "]", "\\", "#", "\n", "a=", ",", "."]


@given(st.lists(st.sampled_from(_PIECES)))
def test_no_text_hides_deep_lists_that_follow_it(pieces: list[str]) -> None:
    """After any text that `tomllib` accepts, deep lists are still noticed."""
    text = "".join(pieces)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    deep = "\nnest = " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    with pytest.raises(InvalidInput, match="nested too deeply"):
        parse_toml((text + deep).encode(), "f")
