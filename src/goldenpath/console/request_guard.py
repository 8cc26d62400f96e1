"""What stands before every page: the host, the method, the token, and what the page may load.

Without a token everybody on this machine is shown the pages, so a page of somebody else in the same
browser is the attacker. A name that leads to 127.0.0.1 (DNS rebinding) is refused by its `Host`, a
request that another site started by `Sec-Fetch-Site` (Fetch Metadata, W3C), a frame by the policy.

A browser sends a token as the password of Basic authentication (RFC 7617), a program as a bearer.
"""

import base64
import binascii
import time
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from goldenpath.compose.consoles.console_listening import LOOPBACK
from goldenpath.http.access import Access, Denied

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy (CSP Level 3): nothing inline, and nothing from elsewhere."""
DOCUMENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""Of a report, which has its style sheet inside: no script, no form, no origin."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_SITES = frozenset({"", "none", "same-origin"})
_ASKS = {"www-authenticate": 'Basic realm="goldenpath: your token as the password"'}


@dataclass(frozen=True, slots=True)
class Admission:
    """Who is shown the pages."""

    hosts: frozenset[str] = LOOPBACK
    """The names by which the console may be addressed, in lower case."""
    access: Access | None = None
    """The tokens; None: everybody who reaches the address."""


class Guard:
    """An application before the application: it refuses, or passes on."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope["method"], Headers(scope=scope), self._admission)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await refusal(scope, receive, guarded)


def _refusal(method: str, headers: Headers, admission: Admission) -> PlainTextResponse | None:
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("the console only reads\n", 405, {"allow": "GET, HEAD"})
    if _host(headers.get("host", "")) not in admission.hosts:
        names = " and ".join(sorted(admission.hosts))
        return PlainTextResponse(f"the console answers to {names} only\n", 421)
    site, mode = headers.get("sec-fetch-site", ""), headers.get("sec-fetch-mode", "")
    # A link on another site may lead here; nothing else of another site may ask.
    if site not in _SITES and mode != "navigate":
        return PlainTextResponse("another site asked\n", 403)
    if admission.access is None:
        return None
    caller = admission.access.admit(_bearer(headers), "audit", time.time())
    if isinstance(caller, Denied):
        asks = _ASKS if caller.status == 401 else {}
        return PlainTextResponse(f"{caller.message}\n", caller.status, asks)
    return None


def _bearer(headers: Headers) -> bytes:
    """Return the header with a bearer token; that of a browser is the password of its user."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return f"{kind} {value}".encode("latin-1")
    try:
        pair = base64.b64decode(value, validate=True)
    except binascii.Error:
        return b""
    return b"Bearer " + pair.partition(b":")[2]


def _host(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() else host.lower()
