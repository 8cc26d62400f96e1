"""What stands before every page, by calling the guard as a server does."""

import asyncio
import base64
from collections.abc import Mapping
from hashlib import sha256

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from goldenpath.console.request_guard import POLICY, Admission, Guard
from goldenpath.http.access import Access, AccessFile, StaticToken

OPEN = Admission()
TOKEN = "a token of an auditor"
RULES = AccessFile(
    1,
    [
        StaticToken("auditor", sha256(TOKEN.encode()).hexdigest(), frozenset({"audit"})),
        StaticToken("caller", sha256(b"infer").hexdigest(), frozenset({"infer", "read"})),
    ],
)


def ask(
    method: str = "GET", admission: Admission = OPEN, **headers: str
) -> tuple[int, Mapping[str, str]]:
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

    asyncio.run(Guard(PlainTextResponse("a page"), admission)(scope, receive, send))
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


def basic(password: str, user: str = "me") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (basic(TOKEN), 200),
        (basic(TOKEN, user=""), 200),
        ("", 401),
        (f"Bearer {TOKEN}x", 401),
        (basic(""), 401),
        (basic(f"{TOKEN}:"), 401),
        ("Basic no base64", 401),
        (TOKEN, 401),
        (f"Digest {TOKEN}", 401),
        ("Bearer infer", 403),
        (basic("infer"), 403),
    ],
)
def test_a_token_with_the_scope_audit_opens_the_pages(authorization: str, status: int) -> None:
    found, headers = ask(admission=Admission(access=Access(RULES, {})), authorization=authorization)

    assert found == status
    assert ("www-authenticate" in headers) == (status == 401)


def test_beyond_loopback_only_the_named_hosts_are_answered() -> None:
    admission = Admission(frozenset({"console.bank.example"}))

    assert ask(admission=admission, host="Console.bank.example:8700")[0] == 200
    assert ask(admission=admission, host="localhost")[0] == 421
