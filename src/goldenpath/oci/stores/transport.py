"""Sends HTTP requests to a registry, with retries, redirects, authorization and size limits."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from threading import Lock
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.backoff import pause_after
from goldenpath.canonical import parse_object
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.http.proxies import ClientPools
from goldenpath.http.tls import certificate_fault, speaks_no_tls
from goldenpath.oci.store import CHUNK
from goldenpath.oci.stores.auth import Challenge, Credentials, Keychain, parse_challenges
from goldenpath.oci.stores.registry_refusal import RETRIED, refusal

Response = urllib3.BaseHTTPResponse
Body = bytes | Callable[[], Iterable[bytes]] | None
"""The body of a request. A function is called for every attempt, and reads from the start."""
MAX_ANSWER = 16 * 1024 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Timeouts and retries of requests to a registry. Times are seconds."""

    connect: float = 10
    read: float = 120
    attempts: int = 6
    backoff: float = 0.5
    """Back-off before the second attempt. It doubles each time; jitter adds up to the same."""
    longest: float = 60
    """The longest single wait, whatever `Retry-After` asks for."""


class Transport:
    """Sends requests to one registry for one repository. Safe to share between threads."""

    def __init__(
        self,
        base: str,
        *,
        keychain: Keychain,
        repository: str = "",
        ca_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limits: RetryLimits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`repository` chooses between credentials of one host; `environment` names proxies."""
        self.base = base
        self._repository = repository
        self.limits = limits or RetryLimits()
        self._keychain = keychain
        self._sleep = sleep
        self._lock = Lock()
        self._authorization: dict[str, str] = {}
        self._pool = ClientPools(
            environment or {},
            num_pools=8,
            maxsize=16,
            retries=False,
            timeout=urllib3.Timeout(connect=self.limits.connect, read=self.limits.read),
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
        accepted: frozenset[int] = frozenset({200}),
        repeatable: bool = True,
        attempts: int | None = None,
        stay: bool = False,
    ) -> Response:
        """Send a request and return the answer, its body unread.

        `accepted` are the statuses that are not errors. `path` may be a URL that the registry
        returned. `attempts` are fewer than usual. With `stay` a redirect to another host is the
        answer. A request that is not `repeatable` is not retried if the registry may have
        received a part of it: the caller has to ask what arrived. Raises `Unavailable` when all
        attempts are used up, and `InvalidInput` if the registry refuses the request or the access.
        """
        url = urljoin(self.base, path)
        _refuse_downgrade(self.base, url)
        sent = partial(self._authorized, body=body, repeatable=repeatable, attempts=attempts)
        answer = sent(method, url, scope, dict(headers or {}))
        for _ in range(5):
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD"):
                break
            next_url = urljoin(url, answer.headers.get("Location", ""))
            if stay and not _same_origin(url, next_url):
                break
            finish(answer)
            _refuse_downgrade(url, next_url)
            url = next_url
            answer = sent(method, url, scope, dict(headers or {}))
        if answer.status not in accepted:
            raise refusal(method, url, answer)
        return answer

    def pause(self, attempt: int, answer: Response | None = None) -> None:
        """Wait after attempt number `attempt`, by `Retry-After` or by our own back-off."""
        requested = _retry_after(answer) if answer is not None else None
        limits = self.limits
        backoff = pause_after(attempt - 1, first=limits.backoff, longest=limits.longest)
        # Jitter: clients that were refused at the same time must not retry at the same time.
        jitter = 1 + random.random()  # noqa: S311
        wait = requested if requested is not None else backoff * jitter
        self._sleep(min(wait, limits.longest))

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than the longest allowed wait."""
        self._sleep(min(seconds, self.limits.longest))

    def _authorized(
        self,
        method: str,
        url: str,
        scope: str,
        headers: dict[str, str],
        *,
        body: Body,
        repeatable: bool,
        attempts: int | None,
    ) -> Response:
        sent = partial(self._attempts, repeatable=repeatable, attempts=attempts)
        # A blob may be served by another host, which must never see the registry's credentials.
        if not _same_origin(self.base, url):
            return sent(method, url, headers, body)
        known = self._authorization.get(scope)
        if known:
            headers["Authorization"] = known
        answer = sent(method, url, headers, body)
        if answer.status != 401:
            return answer
        header = self._answer(parse_challenges(answer.headers.get("WWW-Authenticate", "")), scope)
        if header is None:
            return answer
        finish(answer)
        with self._lock:
            self._authorization[scope] = header
        headers["Authorization"] = header
        return sent(method, url, headers, body)

    def _attempts(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        repeatable: bool = True,
        attempts: int | None = None,
    ) -> Response:
        most = min(attempts or self.limits.attempts, self.limits.attempts)
        headers = {"Accept-Encoding": "identity", "User-Agent": "goldenpath", **headers}
        host = urlsplit(url).netloc
        retried = RETRIED if repeatable else frozenset({429})
        for attempt in range(1, most + 1):
            try:
                answer = self._pool.request(
                    method,
                    url,
                    headers=headers,
                    body=body() if callable(body) else body,
                    preload_content=False,
                    redirect=False,
                )
            except HTTPError as error:
                # A bad certificate is never retried: it would not become better.
                if (fault := certificate_fault(host, error)) is not None:
                    raise fault from error
                if not repeatable or attempt == most or speaks_no_tls(error):
                    raise _unreachable(host, error) from error
                self.pause(attempt)
                continue
            if answer.status not in retried or attempt == most:
                return answer
            finish(answer)
            self.pause(attempt, answer)
        raise Unavailable(f"{host} was not tried: expected at least 1 attempt in the limits, got 0")

    def _answer(self, challenges: tuple[Challenge, ...], scope: str) -> str | None:
        credentials = self._keychain.find(urlsplit(self.base).netloc, self._repository)
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
            raise InvalidInput(
                f"{urlsplit(realm).netloc} answered without a token: expected token or access_token"
            )
        return token


def _unreachable(host: str, error: HTTPError) -> Unavailable:
    cure = "check the address, the network and the proxy, then run this again"
    if speaks_no_tls(error):
        cure = "if this registry has no TLS, write oci+http:// in front of its name"
    return Unavailable(f"{host} cannot be reached: {error}", hint=cure)


def content(answer: Response, limit: int = MAX_ANSWER) -> bytes:
    """Return the whole body of a small answer. Raises `VerificationError` above `limit` bytes."""
    parts, size = [], 0
    try:
        while part := answer.read(CHUNK, decode_content=False):
            parts.append(part)
            size += len(part)
            if size > limit:
                answer.close()
                raise VerificationError(
                    f"answer of the registry is too large: expected at most {limit} bytes"
                )
    except HTTPError as error:
        raise Unavailable(f"connection broke while the registry answered: {error}") from error
    answer.release_conn()
    return b"".join(parts)


def finish(answer: Response) -> None:
    """Return the connection to the pool, if the rest of the answer does not matter."""
    try:
        if len(answer.read(65536, decode_content=False)) == 65536:
            answer.close()
    except HTTPError:
        answer.close()
    answer.release_conn()


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
        raise VerificationError(f"registry leads to {after[:200]!r}: expected an http or https URL")
    if urlsplit(before).scheme == "https" and urlsplit(after).scheme == "http":
        raise VerificationError(f"registry leads from https to plain http: {after[:200]!r}")
