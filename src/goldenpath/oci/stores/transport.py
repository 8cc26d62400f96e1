"""HTTP with a registry: retries, redirects, authorization and bounds, for every request alike."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Lock
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from goldenpath.canonical import parse_object
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stores.auth import Challenge, Credentials, Keychain, parse_challenges

Response = urllib3.BaseHTTPResponse
Body = bytes | Callable[[], Iterable[bytes]] | None
"""What is sent; a function begins to read it, for every attempt anew."""
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
MAX_ANSWER = 16 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry may take. Seconds."""

    connect: float = 10
    read: float = 120
    attempts: int = 6
    backoff: float = 0.5
    """Before the second attempt; doubles from then on, plus up to the same at random."""
    longest: float = 60
    """The most that is waited at once, whatever `Retry-After` asks."""


class Transport:
    """Speaks with one registry for one repository. Safe to share between threads."""

    def __init__(
        self,
        base: str,
        *,
        keychain: Keychain,
        ca_file: Path | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = base
        self.patience = patience or Patience()
        self._keychain = keychain
        self._sleep = sleep
        self._lock = Lock()
        self._authorization: dict[str, str] = {}
        self._pool = urllib3.PoolManager(
            num_pools=8,
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=self.patience.connect, read=self.patience.read),
            cert_reqs="CERT_REQUIRED",
            ca_certs=None if ca_file is None else str(ca_file),
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        takes: frozenset[int] = frozenset({200}),
        again: bool = True,
    ) -> Response:
        """The answer, its body unread; `takes` are the statuses that are not errors.

        `path` may be a URL that the registry gave. Without `again` a request that may have been
        half received is not repeated: the caller has to find out first. Raises `Unavailable` once
        patience is over, `InvalidInput` when the registry refuses the request or us.
        """
        url = urljoin(self.base, path)
        _refuse_downgrade(self.base, url)
        answer = self._authorized(method, url, scope, dict(headers or {}), body=body, again=again)
        for _ in range(5):
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD"):
                break
            next_url = urljoin(url, answer.headers.get("Location", ""))
            finish(answer)
            _refuse_downgrade(url, next_url)
            url = next_url
            answer = self._authorized(
                method, url, scope, dict(headers or {}), body=body, again=again
            )
        if answer.status not in takes:
            raise refusal(method, url, answer)
        return answer

    def pause(self, attempt: int, answer: Response | None = None) -> None:
        """Waits before the attempt after `attempt`, as long as the registry asks or we think."""
        asked = _retry_after(answer) if answer is not None else None
        own = self.patience.backoff * 2 ** (attempt - 1)
        # Jitter keeps clients that were refused together from coming back together.
        wait = asked if asked is not None else own * (1 + random.random())  # noqa: S311
        self._sleep(min(wait, self.patience.longest))

    def wait(self, seconds: float) -> None:
        """Waits, at most as long as at once is allowed."""
        self._sleep(min(seconds, self.patience.longest))

    def _authorized(
        self,
        method: str,
        url: str,
        scope: str,
        headers: dict[str, str],
        *,
        body: Body,
        again: bool,
    ) -> Response:
        # A blob may be served from another host, which must never see what opens the registry.
        if not _same_origin(self.base, url):
            return self._attempts(method, url, headers, body, again=again)
        known = self._authorization.get(scope)
        if known:
            headers["Authorization"] = known
        answer = self._attempts(method, url, headers, body, again=again)
        if answer.status != 401:
            return answer
        finish(answer)
        header = self._answer(parse_challenges(answer.headers.get("WWW-Authenticate", "")), scope)
        if header is None:
            return answer
        with self._lock:
            self._authorization[scope] = header
        headers["Authorization"] = header
        return self._attempts(method, url, headers, body, again=again)

    def _attempts(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        again: bool = True,
    ) -> Response:
        headers = {"Accept-Encoding": "identity", "User-Agent": "goldenpath", **headers}
        host = urlsplit(url).netloc
        retried = RETRIED if again else frozenset({429})
        for attempt in range(1, self.patience.attempts + 1):
            try:
                answer = self._pool.request(
                    method,
                    url,
                    headers=headers,
                    body=body() if callable(body) else body,
                    preload_content=False,
                    redirect=False,
                )
            except SSLError as error:
                raise VerificationError(
                    f"{host} has no certificate that we trust: {error}",
                    hint="name the file of your certificate authority in GOLDENPATH_CA_FILE",
                ) from error
            except HTTPError as error:
                if not again or attempt == self.patience.attempts:
                    raise Unavailable(f"{host} cannot be reached: {error}") from error
                self.pause(attempt)
                continue
            if answer.status not in retried or attempt == self.patience.attempts:
                return answer
            finish(answer)
            self.pause(attempt, answer)
        raise Unavailable(f"{host} was not tried: patience allows no attempt")

    def _answer(self, challenges: tuple[Challenge, ...], scope: str) -> str | None:
        credentials = self._keychain.find(urlsplit(self.base).netloc)
        for challenge in challenges:
            if challenge.scheme == "bearer" and "realm" in challenge.parameters:
                return "Bearer " + self._token(challenge, scope, credentials)
            if challenge.scheme == "basic" and credentials is not None:
                return credentials.basic
        return None

    def _token(self, challenge: Challenge, scope: str, credentials: Credentials | None) -> str:
        realm = challenge.parameters["realm"]
        _refuse_downgrade(self.base, realm)
        query = {"service": challenge.parameters.get("service", "")}
        scopes = scope.split(" ")
        if credentials is not None and credentials.identity_token:
            form = {
                **query,
                "grant_type": "refresh_token",
                "client_id": "goldenpath",
                "refresh_token": credentials.identity_token,
                "scope": scope,
            }
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._attempts("POST", realm, kind, urlencode(form).encode())
        else:
            pairs = [*query.items(), *(("scope", each) for each in scopes)]
            sign = "&" if urlsplit(realm).query else "?"
            headers = {"Authorization": credentials.basic} if credentials else {}
            answer = self._attempts("GET", realm + sign + urlencode(pairs), headers, None)
        if answer.status != 200:
            raise refusal("GET", realm, answer)
        value = parse_object(content(answer), f"token of {urlsplit(realm).netloc}")
        token = value.get("token") or value.get("access_token")
        if not isinstance(token, str) or not token.isprintable():
            raise InvalidInput(f"{urlsplit(realm).netloc} answered without a token")
        return token


def content(answer: Response, limit: int = MAX_ANSWER) -> bytes:
    """The whole body of a small answer. Raises `VerificationError` above `limit` bytes."""
    parts, size = [], 0
    try:
        while part := answer.read(CHUNK, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > limit:
                answer.close()
                raise VerificationError(f"the registry sent more than {limit} bytes")
    except HTTPError as error:
        raise Unavailable(f"the registry broke off its answer: {error}") from error
    answer.release_conn()
    return b"".join(parts)


def finish(answer: Response) -> None:
    """Gives the connection back when the rest of the answer does not matter."""
    try:
        if len(answer.read(65536, decode_content=False)) == 65536:
            answer.close()
    except HTTPError:
        answer.close()
    answer.release_conn()


def refusal(method: str, url: str, answer: Response) -> InvalidInput | Unavailable:
    """The error that says what a registry refused, and why if it said so."""
    host = urlsplit(url).netloc
    try:
        said = answer.read(2000, decode_content=False).decode("utf-8", "replace")
    except HTTPError:
        said = ""
    answer.close()
    reason = "".join(letter if letter.isprintable() else " " for letter in said).strip()[:300]
    what = f"registry {host} answered {method} {urlsplit(url).path} with {answer.status}: {reason}"
    if answer.status in (401, 403):
        return InvalidInput(
            f"registry {host} refused access ({answer.status}): {reason}",
            hint="log in with `docker login` or another tool that writes docker's config.json",
        )
    if answer.status in RETRIED:
        return Unavailable(what)
    return InvalidInput(what)


def _retry_after(answer: Response) -> float | None:
    value = answer.headers.get("Retry-After", "")
    if value.isdigit():
        return float(value[:6])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _same_origin(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]


def _refuse_downgrade(before: str, after: str) -> None:
    if urlsplit(after).scheme not in ("http", "https"):
        raise VerificationError(f"registry points to {after[:200]!r}: expected http or https")
    if urlsplit(before).scheme == "https" and urlsplit(after).scheme == "http":
        raise VerificationError(f"registry points from https to plain http: {after[:200]!r}")
