"""The public keys of an OpenID provider, fetched in the background so that no request waits.

PyJWT's own client is not used: it follows redirects, has no size limit and blocks the caller.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.http.jwt import parse_jwks
from goldenpath.parsers.typed import parse_typed

if TYPE_CHECKING:
    from jwt import PyJWK

MAX_SET = 1024 * 1024
FRESH = 300.0
"""Seconds after which keys are fetched again."""
PAUSE = 10.0
"""Least number of seconds between two tries, even if many tokens name unknown keys."""
TIMEOUT = 5.0


class _Discovery(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class KeySet:
    """Public keys by name. Without any key every token is refused: this fails closed."""

    def __init__(
        self,
        url: str,
        report: Callable[[str], None],
        *,
        keys: Mapping[str, "PyJWK"] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With an address the keys are fetched at once, and again from time to time.

        `clock` is monotonic.
        """
        self._url = url
        self._report = report
        self._keys: Mapping[str, PyJWK] = keys or {}
        self._clock = clock
        self._asked = clock()
        self._thread: threading.Thread | None = None
        if url:
            _check_address(url)
            self._fetch()

    @classmethod
    def of(cls, content: bytes) -> "KeySet":
        """A fixed set of keys; it changes only when the server reloads its files."""
        return cls("", lambda _: None, keys=parse_jwks(content))

    def keys_for(self, name: str) -> Mapping[str, "PyJWK"]:
        """Return the known keys; starts a fetch if they are old or `name` is missing."""
        now = self._clock()
        waited = now - self._asked
        if self._url and (waited > FRESH or (name not in self._keys and waited > PAUSE)):
            self._asked = now
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._fetch, name="jwks", daemon=True)
                self._thread.start()
        return self._keys

    def _fetch(self) -> None:
        try:
            self._keys = parse_jwks(_download(self._url))
        except (OSError, GoldenPathError) as error:
            # Known keys stay valid: an unreachable provider must not lock every caller out.
            self._report(f"the keys of {self._url} cannot be fetched: {error}")


def keys_of_issuer(issuer: str) -> Mapping[str, "PyJWK"]:
    """Return the keys that an issuer publishes now (OpenID Connect Discovery 1.0, section 4).

    Raises `Unavailable` if they cannot be had, `VerificationError` if another issuer answers, and
    `InvalidInput` if an address is neither https nor of this machine.
    """
    _check_address(issuer)
    try:
        content = _download(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        discovery = parse_typed(content, _Discovery, f"what {issuer} says about itself")
        if discovery.issuer != issuer:
            raise VerificationError(f"{issuer} says that it is {discovery.issuer}")
        _check_address(discovery.jwks_uri)
        return parse_jwks(_download(discovery.jwks_uri))
    except OSError as error:
        raise Unavailable(f"the keys of {issuer} cannot be fetched: {error}") from error


def _download(url: str) -> bytes:
    """Return the content of the address; no redirects, because one could lead away from https."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            """A handler that follows no redirect, so that a redirect counts as an error."""

    with build_opener(Stay).open(url, timeout=TIMEOUT) as answer:
        content: bytes = answer.read(MAX_SET + 1)
    if len(content) > MAX_SET:
        raise InvalidInput(f"the keys are too many: expected at most {MAX_SET} bytes")
    return content


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise InvalidInput(f"keys are fetched by https only, not from {url}")
