"""Registries and token services that pass the user's password on.

Two servers run on this machine: the registry that the password is for, and another one that must
never see it. Without a control the client is a lenient one: it follows every redirect with all its
headers, as clients do that leave redirects to their library.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import urllib3

from goldenpath.attacks.callers.issued_certificates import server_certificate
from goldenpath.attacks.registries.hostile_registry import (
    HostileAnswer,
    SeenRequest,
    hostile_registry,
)
from goldenpath.errors import GoldenPathError
from goldenpath.oci.stores.auth import Keychain, parse_challenges
from goldenpath.oci.stores.transport import RetryLimits, Transport

HOST, DOWNGRADE, TOKENS = CONTROLS = (
    "credentials of one host", "no way back to plain HTTP", "token service that answers itself",
)  # fmt: skip
_USER, _PASSWORD = "reader", "a password"
_BASIC = "Basic " + b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
_SCOPE = "repository:credit:pull"
_PATH = "/v2/credit/blobs/x"
_ONCE = RetryLimits(attempts=1, backoff=0.0)


@dataclass(frozen=True, slots=True)
class _Registry:
    """The registry that the password is for, and the server that should not see it."""

    own: str
    other: str
    seen: list[SeenRequest]
    """What the other server got."""
    authority: Path | None
    """Certificates that the client trusts, if the registry has TLS."""


Answer = Callable[[_Registry, SeenRequest], HostileAnswer]


def leaks(
    answer: Answer,
    control: str,
    without: frozenset[str],
    *,
    tls: bool = False,
    any_request: bool = False,
) -> str:
    """Return why the other server did not get the password; empty if it did.

    With `any_request` a request without the password counts as well: in plain text it is too much.
    """
    with _servers(answer, tls=tls) as registry, TemporaryDirectory(prefix="gp-") as folder:
        if control in without:
            _ask_leniently(registry)
            reason = "the other server was not asked"
        else:
            reason = _asked(registry, Path(folder))
        given = [each.authorization for each in registry.seen]
    has_it = given if any_request else [each for each in given if each.startswith("Basic ")]
    return "" if has_it else reason


def _asked(registry: _Registry, folder: Path) -> str:
    file = folder / "config.json"
    host = urlsplit(registry.own).netloc
    entry = {"username": _USER, "password": _PASSWORD}
    file.write_text(json.dumps({"auths": {host: entry}}))
    transport = Transport(
        registry.own, keychain=Keychain((file,)), limits=_ONCE, ca_file=registry.authority
    )
    try:
        transport.send("GET", _PATH, scope=_SCOPE, accepted=frozenset({200, 401, 404}))
    except GoldenPathError as error:
        return error.message
    return "the other server got no password"


def _ask_leniently(registry: _Registry) -> None:
    authority = None if registry.authority is None else str(registry.authority)
    pool = urllib3.PoolManager(ca_certs=authority)
    headers = {"Authorization": _BASIC}
    follow = urllib3.Retry(5, remove_headers_on_redirect=frozenset(), raise_on_redirect=False)
    answer = pool.request("GET", registry.own + _PATH, headers=headers, retries=follow)
    for challenge in parse_challenges(answer.headers.get("WWW-Authenticate", "")):
        if "realm" in challenge.parameters:
            realm = challenge.parameters["realm"]
            pool.request("GET", realm, headers=headers, retries=follow)


@contextmanager
def _servers(answer: Answer, *, tls: bool) -> Iterator[_Registry]:
    with hostile_registry(HostileAnswer()) as (other, seen), TemporaryDirectory() as folder:
        made: list[_Registry] = []
        context, authority = _tls(Path(folder)) if tls else (None, None)
        with hostile_registry(lambda request: answer(made[0], request), tls=context) as (own, _):
            made.append(_Registry(own, other, seen, authority))
            yield made[0]


def _tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    certificate, key = server_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def redirects(to: Callable[[_Registry], str]) -> Answer:
    """Return answers that ask for the password, and then lead to another address."""

    def answer(registry: _Registry, request: SeenRequest) -> HostileAnswer:
        if not request.authorization:
            return HostileAnswer(status=401, headers={"WWW-Authenticate": "Basic"})
        return HostileAnswer(status=307, headers={"Location": to(registry)})

    return answer


def names_token_service(at: Callable[[_Registry], str], *, redirected: bool = False) -> Answer:
    """Return answers that name a token service, which may lead to another server."""

    def answer(registry: _Registry, request: SeenRequest) -> HostileAnswer:
        if redirected and request.path.startswith("/token"):
            return HostileAnswer(status=307, headers={"Location": f"{registry.other}/token"})
        challenge = f'Bearer realm="{at(registry)}",service="x"'
        return HostileAnswer(status=401, headers={"WWW-Authenticate": challenge})

    return answer
