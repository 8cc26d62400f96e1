"""What stands before every page: the host, the method, and what the page may load.

The console listens on loopback without a password, so a page of somebody else in the same browser
is the attacker. A name that leads to 127.0.0.1 (DNS rebinding) is refused by its `Host`, a request
that another site started by `Sec-Fetch-Site` (Fetch Metadata, W3C), and a frame by the policy.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy (CSP Level 3): nothing inline, and nothing from elsewhere."""
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SITES = frozenset({"", "none", "same-origin"})


class Guard:
    """An application before the application: it refuses, or passes on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = _refusal(scope["method"], Headers(scope=scope))

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        if refusal is None:
            await self._app(scope, receive, guarded)
        else:
            await refusal(scope, receive, guarded)


def _refusal(method: str, headers: Headers) -> PlainTextResponse | None:
    if method not in ("GET", "HEAD"):
        return PlainTextResponse("the console only reads\n", 405, {"allow": "GET, HEAD"})
    if _host(headers.get("host", "")) not in _HOSTS:
        return PlainTextResponse("the console answers to 127.0.0.1 and localhost only\n", 421)
    site, mode = headers.get("sec-fetch-site", ""), headers.get("sec-fetch-mode", "")
    # A link on another site may lead here; nothing else of another site may ask.
    if site not in _SITES and mode != "navigate":
        return PlainTextResponse("another site asked\n", 403)
    return None


def _host(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdigit() else host.lower()
