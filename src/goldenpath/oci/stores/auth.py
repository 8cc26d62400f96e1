"""Finds the credentials for a registry, and parses what kind of authentication it asks for.

Formats: `config.json` of the docker command line, its credential-helper protocol, RFC 7235, and
the token authentication of the distribution project.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.processes.tool import run_tool

_MAX_CONFIG = 1024 * 1024
_HELPER_SECONDS = 30.0
_VALUE = r"[a-zA-Z_]+=(?:\"[^\"]*\"|[^\s,\"]+)"
_CHALLENGE = re.compile(rf"([A-Za-z]+)\s+((?:{_VALUE}\s*,?\s*)+)|([A-Za-z]+)")
_PARAMETER = re.compile(r"([a-zA-Z_]+)=(?:\"([^\"]*)\"|([^\s,\"]+))")
_HELPER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HUB_SERVER = "https://index.docker.io/v1/"
_NO_ENTRY = "credentials not found"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and secret, or an identity token that is exchanged for access tokens."""

    user: str
    secret: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a registry offers in `WWW-Authenticate`."""

    scheme: str
    """In lower case."""
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Return the challenges of a header in its order; unreadable parts are skipped."""
    challenges = []
    for scheme, parameters, alone in _CHALLENGE.findall(header[:4096]):
        pairs = {k.lower(): quoted or plain for k, quoted, plain in _PARAMETER.findall(parameters)}
        challenges.append(Challenge((scheme or alone).lower(), pairs))
    return tuple(challenges)


class Keychain:
    """Credentials from files in docker's format; the first file with an entry wins."""

    def __init__(
        self, files: Iterable[Path] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is that of credential helpers; without it they inherit ours."""
        self._files = tuple(files)
        self._environment = environment

    def find(self, host: str, repository: str = "") -> Credentials | None:
        """Return the credentials for a repository of `host`, or None if no file has any.

        An entry may name a path below the host; the longest that fits is taken
        (containers-auth.json). Raises `InvalidInput` for a malformed file and `Unavailable` if a
        helper fails.
        """
        for file in self._files:
            if file.is_file():
                config = _read_config(file)
                credentials = self._from_config(config, host, repository, file=file)
                if credentials is not None:
                    return credentials
        return None

    def _from_config(
        self, config: Mapping[str, JsonValue], host: str, repository: str, *, file: Path
    ) -> Credentials | None:
        helpers, auths = config.get("credHelpers"), config.get("auths")
        key = _longest(helpers, host, repository) if isinstance(helpers, dict) else None
        named = helpers.get(key) if isinstance(helpers, dict) and key is not None else None
        helper = named or config.get("credsStore")
        if isinstance(helper, str) and helper:
            credentials = self._from_helper(helper, key if named and key else _server(host))
            # A helper that is named for this very host is the only source for it.
            if credentials is not None or named:
                return credentials
        key = _longest(auths, host, repository) if isinstance(auths, dict) else None
        entry = auths.get(key) if isinstance(auths, dict) and key is not None else None
        return _from_entry(entry, file, host) if isinstance(entry, dict) else None

    def _from_helper(self, helper: str, server: str) -> Credentials | None:
        if _HELPER.fullmatch(helper) is None:
            raise InvalidInput(f"credential helper {helper[:80]!r} has no valid name")
        program = f"docker-credential-{helper}"
        try:
            answer = run_tool(
                [program, "get"],
                stdin=server.encode(),
                seconds=_HELPER_SECONDS,
                limit=_MAX_CONFIG,
                environment=self._environment,
            )
        except Unavailable as error:
            raise Unavailable(
                f"credential helper {program} gave no answer: {error.message}", hint=error.hint
            ) from error
        if answer.exit_code != 0:
            output = (answer.output + answer.errors)[:200].decode("utf-8", "replace").strip()
            if _NO_ENTRY in output:
                return None
            raise Unavailable(f"credential helper {program} failed: {output}")
        value = parse_object(answer.output, f"answer of {program}")
        user, secret = value.get("Username"), value.get("Secret")
        if not isinstance(user, str) or not isinstance(secret, str):
            raise InvalidInput(f"answer of {program} needs the strings Username and Secret")
        return Credentials("", "", secret) if user == "<token>" else Credentials(user, secret)


def _read_config(file: Path) -> Mapping[str, JsonValue]:
    with file.open("rb") as opened:
        return parse_object(opened.read(_MAX_CONFIG), str(file))


def _longest(keys: Iterable[str], host: str, repository: str) -> str | None:
    """Return the key with the longest path that fits; a key may be written as a URL."""
    names = _HUB if host.endswith("docker.io") else (host,)
    parts = repository.split("/") if repository else []
    candidates = [
        "/".join((name, *parts[:length])) for length in range(len(parts), -1, -1) for name in names
    ]
    # `docker login` writes docker.io as a URL with a version of an old interface.
    known = {_plain(key): key for key in keys}
    return next((known[name] for name in candidates if name in known), None)


def _plain(key: str) -> str:
    name = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, path = name.partition("/")
    return host if path in ("v1", "v2") else name


def _server(host: str) -> str:
    """Return what credential helpers call a registry."""
    return _HUB_SERVER if host.endswith("docker.io") else host


def _from_entry(entry: Mapping[str, JsonValue], file: Path, host: str) -> Credentials | None:
    token, auth = entry.get("identitytoken"), entry.get("auth")
    if isinstance(token, str) and token:
        return Credentials("", "", token)
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(secret, str):
        return Credentials(user, secret)
    if not isinstance(auth, str) or not auth:
        return None
    try:
        user, colon, secret = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} has an auth of {host} that is not base64") from error
    if not colon:
        raise InvalidInput(f"{file} has an auth of {host} without a colon")
    return Credentials(user, secret.rstrip("\0"))
