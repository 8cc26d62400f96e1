"""Names of callers between processes: only a process with the secret can set them."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenpath.http.callers import LONGEST, caller_from_header, caller_header
from tests.serve.process import packed, started
from tests.serve.running import INFER, ROW, Client, question, records, run

SECRET = "0123456789abcdef"


@given(st.text(st.characters(codec="utf-8"), max_size=LONGEST))
def test_a_name_comes_back_whatever_its_letters(name: str) -> None:
    value = caller_header(SECRET, name)

    assert caller_from_header(SECRET, value) == name
    assert value.isascii() and not set(value) & set(b"\r\n\0")


@pytest.mark.parametrize(
    "value",
    [b"", b"somebody", b" somebody", SECRET.encode(), b"0123456789abcdee somebody", b"\xff x"],
)
def test_who_does_not_know_the_word_names_nobody(value: bytes) -> None:
    assert caller_from_header(SECRET, value) == ""
    assert caller_from_header("", value) == caller_from_header("", b" somebody") == ""


def test_a_server_hears_the_gateway_and_no_client(tmp_path: Path) -> None:
    launch = replace(packed(tmp_path).launch(), caller_secret=SECRET)
    with started(launch) as process:

        async def main() -> None:
            client = Client(*await asyncio.open_unix_connection(process.address))
            for value in (
                caller_header(SECRET, "büro 100%"),
                caller_header("another secret", "somebody"),
                b"somebody",
            ):
                body = json.dumps(question(ROW)).encode()
                await client.send(
                    b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n"
                    b"x-goldenpath-caller: %b\r\n\r\n%b" % (INFER.encode(), len(body), value, body)
                )
                assert (await client.receive()).status == 200
            client.close()

        run(main)
        process.end()
    assert [record.caller for record in records(tmp_path / "spool")] == ["büro 100%", "", ""]
