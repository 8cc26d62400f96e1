"""Access rules: which caller may ask for what, by static bearer tokens or OpenID tokens.

Only the SHA-256 of a static token is stored, so the rules file grants no access by itself. A
verified token is cached until it expires, because checking its signature costs more than an answer.
Health is open to everybody. Without a rules file everything else is open too.
"""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from goldenpath.errors import InvalidInput, NotFound, VerificationError
from goldenpath.http import jwt
from goldenpath.http.jwks import KeySet
from goldenpath.parsers.typed import parse_typed

MAX_FILE = 1024 * 1024
MOST_REMEMBERED = 1024
LONGEST_TOKEN = 8192

Scope = Literal["infer", "read", "metrics", "audit"]
"""The scopes: ask for predictions, read the model's metadata or the metrics, see the console."""


_ModelPattern = Annotated[
    str,
    Meta(pattern=r"^[-a-z0-9*]{1,64}(/[-a-z0-9*]{1,64})?\Z", title='a model such as "credit-*"'),
]


class StaticToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A static token; `name` is the caller in every record."""

    name: str
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}\Z", title="64 hexadecimal digits")]
    scopes: frozenset[Scope]
    models: tuple[_ModelPattern, ...] | None = None
    """The models that it may ask, as `credit-*` or `prod/credit-*`; absent means all."""


class Issuer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID provider whose tokens are accepted. `jwks` is a file or an https address."""

    issuer: str
    audience: str
    jwks: str


class AccessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of access rules, JSON."""

    version: Literal[1]
    tokens: list[StaticToken] = []
    issuers: list[Issuer] = []


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal: 401 for an unknown caller, 403 for a caller without the scope or the model."""

    status: Literal[401, 403]
    message: str


class AskedModel(NamedTuple):
    """The model that a request is about."""

    stage: str
    model: str


@dataclass(frozen=True, slots=True)
class _Caller:
    name: str
    scopes: frozenset[str]
    until: float
    models: tuple[str, ...] | None = None
    """The models that the caller may ask; None means all."""

    def may_ask(self, stage: str, model: str) -> bool:
        """Whether the token names the model, by its name or with its stage before it."""
        named = (model, f"{stage}/{model}")
        return self.models is None or any(
            fnmatchcase(named["/" in each], each) for each in self.models
        )


class Access:
    """The rules of one file."""

    def __init__(self, rules: AccessFile, sources: Mapping[str, KeySet]) -> None:
        self._static = {
            bytes.fromhex(token.sha256): _Caller(
                token.name, frozenset(token.scopes), float("inf"), token.models
            )
            for token in rules.tokens
        }
        self._issuers = [(issuer, sources[issuer.jwks]) for issuer in rules.issuers]
        self._known: OrderedDict[bytes, _Caller] = OrderedDict()

    def admit(
        self, header: bytes, scope: Scope, now: float, model: AskedModel | None = None
    ) -> str | Denied:
        """Return the name of the caller, or the refusal. `now` is in seconds since 1970.

        `asked` is the model that the request is about; None if it is about all of them.
        """
        kind, _, token = header.partition(b" ")
        if kind.lower() != b"bearer" or not 0 < len(token) <= LONGEST_TOKEN:
            return Denied(401, "expected a bearer token")
        caller = self._caller(token.strip(), now)
        if isinstance(caller, Denied):
            return caller
        if scope not in caller.scopes:
            return Denied(403, f"the token lacks the scope {scope}")
        if model is None and caller.models is not None:
            return Denied(403, "the token is limited to some models, and this is about all of them")
        if model is not None and not caller.may_ask(*model):
            return Denied(403, f"the token does not name the model {model.model}")
        return caller.name

    def _caller(self, token: bytes, now: float) -> _Caller | Denied:
        name = sha256(token).digest()
        # Constant time, although an attacker could only time the comparison of a hash.
        for known, caller in self._static.items():
            if hmac.compare_digest(known, name):
                return caller
        remembered = self._known.get(name)
        if remembered is not None and now < remembered.until:
            return remembered
        return self._verify(token, name, now)

    def _verify(self, token: bytes, name: bytes, now: float) -> _Caller | Denied:
        denied = Denied(401, "the token is not known")
        for issuer, source in self._issuers:
            try:
                keys = source.keys_for(jwt.key_name(token))
                claims = jwt.verify(
                    token, keys, issuer=issuer.issuer, audience=issuer.audience, now=now
                )
            except VerificationError as error:
                denied = Denied(401, error.message)
                continue
            scopes = frozenset([*claims.scope.split(), *claims.scp])
            until = claims.exp + jwt.LEEWAY
            caller = _Caller(claims.sub[:256], scopes, until, claims.named_models)
            self._known[name] = caller
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
            return caller
        return denied


def load_access(path: Path, report: Callable[[str], None]) -> Access:
    """Read the rules in a file and the keys of their issuers.

    Raises `NotFound` or `InvalidInput` if the file or a file of keys cannot be used.
    """
    rules = parse_access(_read(path))
    sources = {}
    for issuer in rules.issuers:
        if issuer.jwks.startswith(("https://", "http://")):
            sources[issuer.jwks] = KeySet(issuer.jwks, report)
        else:
            sources[issuer.jwks] = KeySet.of(_read(path.parent / issuer.jwks))
    return Access(rules, sources)


def parse_access(content: bytes) -> AccessFile:
    """Parse the rules in `content`. Raises `InvalidInput` naming every fault."""
    rules = parse_typed(content, AccessFile, "the file of access rules")
    hashes = [token.sha256.lower() for token in rules.tokens]
    if len(set(hashes)) != len(hashes):
        raise InvalidInput(
            "the file of access rules has two tokens with one SHA-256: expected one of its own each"
        )
    return rules


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE:
        raise InvalidInput(f"{path} is too large: expected at most {MAX_FILE} bytes")
    return content
