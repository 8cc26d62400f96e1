"""What stands before every page, by calling the guard as a server does."""

import asyncio
from collections.abc import Mapping

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from goldenpath.console.request_guard import POLICY, Guard


def ask(method: str = "GET", **headers: str) -> tuple[int, Mapping[str, str]]:
    """The status and the headers of one request."""
    named = {"host": "127.0.0.1:8700", **headers}
    scope: Scope = {
        "type": "http", "method": method, "path": "/", "query_string": b"",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in named.items() if v],
    }  # fmt: skip
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(Guard(PlainTextResponse("a page"))(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found


@pytest.mark.parametrize("host", ["127.0.0.1:8700", "localhost", "LOCALHOST:1", "[::1]:8700"])
def test_a_page_is_shown_to_this_machine(host: str) -> None:
    assert ask(host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8700", "127.0.0.1.evil.example", "localhost.evil", "[::2]"],
)
def test_a_name_that_leads_here_is_refused(host: str) -> None:
    assert ask(host=host)[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_taken(method: str) -> None:
    assert ask(method)[0] == 405


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("", "", 200),
        ("none", "navigate", 200),
        ("same-origin", "cors", 200),
        ("cross-site", "navigate", 200),
        ("cross-site", "cors", 403),
        ("cross-site", "no-cors", 403),
        ("same-site", "no-cors", 403),
        ("nonsense", "", 403),
    ],
)
def test_a_request_that_another_site_started_is_refused_unless_it_is_a_link(
    site: str, mode: str, status: int
) -> None:
    assert ask(sec_fetch_site=site, sec_fetch_mode=mode)[0] == status


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_every_answer_has_the_policy(host: str) -> None:
    headers = ask(host=host)[1]

    assert headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
