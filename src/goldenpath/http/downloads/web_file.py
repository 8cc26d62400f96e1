"""One file at an `https` or `http` address, read piece by piece, however large it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.errors import InvalidInput, NotFound, Unavailable
from goldenpath.http.proxies import ClientPools
from goldenpath.http.tls import certificate_fault

CHUNK = 1024 * 1024
MOST_REDIRECTS = 5
_PATIENCE = urllib3.Timeout(connect=10, read=60)
_RETRIES = urllib3.Retry(
    total=3, redirect=False, status_forcelist=(502, 503, 504), backoff_factor=0.5,
    raise_on_status=False,
)  # fmt: skip
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class WebFile:
    """An address that answers with a file."""

    url: str
    size: int
    """Bytes, as the server says; 0 if it does not."""
    environment: Mapping[str, str]

    def read(self) -> Iterator[bytes]:
        """Yield the content. Raises `Unavailable` if it breaks off, and as `web_file` does."""
        answer = _answer("GET", self.url, self.environment)
        try:
            while chunk := answer.read(CHUNK, decode_content=False):
                yield chunk
        except HTTPError as error:
            raise Unavailable(f"{_shown(self.url)} broke off: {type(error).__name__}") from error
        finally:
            answer.close()


def web_file(url: str, environment: Mapping[str, str]) -> WebFile:
    """Return the file at `url`; `environment` names proxies.

    Redirects are followed, but never from TLS to plain HTTP. Raises `NotFound` if there is none,
    `Unavailable` if that cannot be found out, `VerificationError` for a certificate that is not
    trusted, and `InvalidInput` if the server refuses.
    """
    answer = _answer("GET", url, environment)
    length = answer.headers.get("Content-Length", "")
    answer.close()  # the content is asked for again when it is read
    encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
    return WebFile(url, int(length) if length.isdecimal() and not encoded else 0, environment)


def _answer(method: str, url: str, environment: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
    pools = ClientPools(environment, timeout=_PATIENCE)
    address = url
    for _ in range(MOST_REDIRECTS + 1):
        answer = _request(pools, method, address)
        if answer.status not in _REDIRECTS:
            _refuse_status(answer, url)
            return answer
        answer.close()
        following = urljoin(address, answer.headers.get("Location", ""))
        if urlsplit(address).scheme == "https" and urlsplit(following).scheme != "https":
            raise InvalidInput(f"{_shown(url)} leads to an address without TLS")
        address = following
    raise Unavailable(f"{_shown(url)} leads to more than {MOST_REDIRECTS} other addresses")


def _request(pools: ClientPools, method: str, url: str) -> urllib3.BaseHTTPResponse:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise InvalidInput(
            f"{_shown(url)} cannot be read: expected http or https, a host, and no name in it"
        )
    headers = {"User-Agent": "goldenpath", "Accept-Encoding": "identity"}
    try:
        return pools.request(
            method, url, headers=headers, retries=_RETRIES, redirect=False, preload_content=False
        )
    except HTTPError as error:
        if (fault := certificate_fault(_shown(url), error)) is not None:
            raise fault from error
        raise Unavailable(
            f"{_shown(url)} gives no answer: {type(error).__name__}",
            hint="check the address and the network, then run this again",
        ) from error


def _refuse_status(answer: urllib3.BaseHTTPResponse, url: str) -> None:
    status = answer.status
    if status == 200:
        return
    answer.close()
    if status in (404, 410):
        raise NotFound(f"{_shown(url)} does not exist: the server answers with {status}")
    if status >= 500 or status == 429:
        raise Unavailable(f"{_shown(url)} cannot be read: the server answers with {status}")
    raise InvalidInput(
        f"{_shown(url)} cannot be read: the server answers with {status}",
        hint="check what the address may be read with; a signed address ends after a time",
    )


def _shown(url: str) -> str:
    """Return the address without what may be a secret: a name, a password, a query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
