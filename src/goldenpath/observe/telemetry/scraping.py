"""The metrics page for Prometheus, served by the observer.

The metrics are computed from records, so a scrape never reaches a model server. One page is
rendered at a time in a thread of its own. So a scrape can delay only other scrapes.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable

from goldenpath.errors import Unavailable
from goldenpath.http.access import Access, Denied
from goldenpath.http.limits import Limits
from goldenpath.http.listener import HttpListener
from goldenpath.http.messages.heads import FieldRules, RequestHead
from goldenpath.http.messages.request_target import decoded_path
from goldenpath.http.messages.writer import render
from goldenpath.http.server_connection import ReadyAnswer, ServerConnection
from goldenpath.observe.telemetry.exposition import OPENMETRICS, TEXT

PATH = b"/metrics"
SECONDS = 5.0
"""Seconds without a byte after which a connection is closed."""
LIMITS = Limits(
    body=0,
    gathered=0,
    connections=64,
    pipelined=1,
    head_time=SECONDS,
    write_time=SECONDS,
)
RULES = FieldRules(frozenset({b"authorization", b"accept"}))
_SWEEP = 1.0


class MetricsPage:
    """A listener with one page. `page` renders it; its argument selects OpenMetrics."""

    settle = None
    """Not needed: every request is answered at once."""

    def __init__(
        self,
        address: str,
        page: Callable[[bool], bytes],
        access: Access | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises `InvalidInput` or `Unavailable` if the address cannot be listened on."""
        self.access = access
        """The access rules. They may be replaced while serving."""
        self._page = page
        self._listener = HttpListener(self, LIMITS, RULES)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="metrics", daemon=True)
        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(self._open(address, tls), self._loop)
        try:
            self.address = opening.result()
        except Exception:
            self._end()
            raise

    def close(self) -> None:
        """Close the listener."""
        draining = self._listener.drain(linger=0.0, limit=0.0)
        asyncio.run_coroutine_threadsafe(draining, self._loop).result()
        self._end()

    def take(
        self, connection: ServerConnection, head: RequestHead, body: bytes, held: int
    ) -> ReadyAnswer:
        """Answer with the page or with an error."""
        keep = head.keep_alive and connection.may_go_on
        status, media_type, content = self._answer(head)
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        headers |= {"allow": "GET, HEAD"} if status == 405 else {}
        answer = render(
            status,
            content,
            headers=headers,
            keep_alive=keep,
            media_type=media_type,
            is_head=head.method == b"HEAD",
        )
        return ReadyAnswer(answer, keep_alive=keep)

    def refused(self, status: int, seconds: float) -> None:
        """Do nothing: refused scrapes are not counted."""

    def _answer(self, head: RequestHead) -> tuple[int, str, bytes]:
        """Return status, media type and content."""
        if self.access is not None:
            token = head.fields.get(b"authorization", b"")
            caller = self.access.admit(token, "metrics", time.time())
            if isinstance(caller, Denied):
                return caller.status, TEXT, f"{caller.message}\n".encode()
        if decoded_path(head.target) != PATH:
            return 404, TEXT, b"expected %b\n" % PATH
        if head.method not in (b"GET", b"HEAD"):
            return 405, TEXT, b"expected GET\n"
        wants = b"application/openmetrics-text" in head.fields.get(b"accept", b"")
        return 200, OPENMETRICS if wants else TEXT, self._page(wants)

    async def _open(self, address: str, tls: ssl.SSLContext | None) -> str:
        try:
            opened = await self._listener.open(address, tls)
        except Unavailable as error:
            message = f"cannot listen on {address} for metrics: {error.__cause__}"
            raise Unavailable(message) from error
        self._sweep()
        return opened

    def _sweep(self) -> None:
        self._listener.sweep()
        self._loop.call_later(_SWEEP, self._sweep)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
