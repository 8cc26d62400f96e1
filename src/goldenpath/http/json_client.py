"""A JSON client for external servers: bounded, without redirects, and it never prints secrets."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.canonical import JsonValue, check_bounds
from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.http.proxies import ClientPools
from goldenpath.http.tls import certificate_fault

MAX_BYTES = 4 * 1024 * 1024
"""Bytes of the largest answer that is read, 4 MiB."""
_PATIENCE = urllib3.Timeout(connect=5, read=20)
_READING = urllib3.Retry(
    total=2, redirect=False, status_forcelist=(502, 503, 504), backoff_factor=0.2
)


class Rest:
    """A JSON interface below one address; `what` names it in messages."""

    def __init__(
        self,
        base: str,
        what: str,
        headers: Mapping[str, str],
        ca_file: Path | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` names proxies; without it the server is reached directly."""
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise InvalidInput(f"{what} has no address: expected http or https, got {base[:80]!r}")
        self.base = base.rstrip("/")
        self.what = what
        self._headers = {"Accept": "application/json", "User-Agent": "goldenpath", **headers}
        self._pool = ClientPools(
            environment or {}, timeout=_PATIENCE, ca_certs=str(ca_file) if ca_file else None
        )

    def get(self, path: str, **query: str) -> JsonValue:
        """Return the answer to a GET, which is retried. Raises like `post`."""
        target = f"{path}?{urlencode(query)}" if query else path
        return self._ask("GET", target, None, _READING)

    def post(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Return the answer to a POST, which is sent once.

        Raises `Unavailable` if there is none, `VerificationError` for a certificate that is not
        trusted, `NotFound` for 404, `InvalidInput` otherwise.
        """
        return self._ask("POST", path, body, urllib3.Retry(total=0, redirect=False))

    def merge(self, path: str, body: Mapping[str, JsonValue]) -> JsonValue:
        """Return the answer to a JSON merge patch (RFC 7396), sent once. Raises like `post`."""
        return self._ask("PATCH", path, body, urllib3.Retry(total=0, redirect=False))

    def _ask(
        self, method: str, path: str, body: Mapping[str, JsonValue] | None, retries: urllib3.Retry
    ) -> JsonValue:
        patch = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        try:
            answer = self._pool.request(
                method,
                self.base + path,
                headers={**self._headers, **patch},
                json=body,
                retries=retries,
                redirect=False,
                preload_content=False,
            )
            content = answer.read(MAX_BYTES + 1)
            answer.drain_conn() if len(content) <= MAX_BYTES else answer.close()
        except HTTPError as error:
            if (fault := certificate_fault(f"{self.what} at {self.base}", error)) is not None:
                raise fault from error
            raise Unavailable(
                f"{self.what} at {self.base} gives no answer: {type(error).__name__}",
                hint="check its address and the network, then run this again",
            ) from error
        if answer.status >= 500:
            raise Unavailable(f"{self.what} at {self.base} answers with {answer.status}")
        if len(content) > MAX_BYTES:
            raise InvalidInput(f"{self.what} answers with more than {MAX_BYTES} bytes")
        if answer.status >= 300:
            raise self._refused(answer.status, path, content)
        try:
            check_bounds(content, "the answer")
            value: JsonValue = msgspec.json.decode(content)
        except (msgspec.DecodeError, InvalidInput) as error:
            raise Unavailable(f"{self.what} at {self.base} does not answer in JSON") from error
        return value

    def _refused(self, status: int, path: str, content: bytes) -> InvalidInput | NotFound:
        place = path.partition("?")[0]
        if status in (401, 403):
            return InvalidInput(
                f"{self.what} at {self.base} refuses the token for {place}: {status}",
                hint="check the token, and what it is allowed to do",
            )
        if status == 404:
            return NotFound(f"{self.what} at {self.base} has no {place}")
        words = " ".join(content.decode("utf-8", "replace").split())[:300]
        for secret in self._headers.values():
            words = words.replace(secret.rpartition(" ")[2], "…") if len(secret) > 8 else words
        return InvalidInput(f"{self.what} refuses {place} with {status}: {words}")
