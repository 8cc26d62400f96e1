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
    """Credentials by host from files in docker's format; the first file with an entry wins."""

    def __init__(self, files: Iterable[Path] = (), search_path: str | None = None) -> None:
        self._files = tuple(files)
        self._search_path = search_path

    def find(self, host: str) -> Credentials | None:
        """Return the credentials for `host`, or None if no file has any.

        Raises `InvalidInput` for a malformed file and `Unavailable` if a helper fails.
        """
        for file in self._files:
            if file.is_file():
                config = _read_config(file)
                credentials = self._from_config(config, host, file)
                if credentials is not None:
                    return credentials
        return None

    def _from_config(
        self, config: Mapping[str, JsonValue], host: str, file: Path
    ) -> Credentials | None:
        helpers = config.get("credHelpers")
        named = helpers.get(host) if isinstance(helpers, dict) else None
        helper = named or config.get("credsStore")
        if isinstance(helper, str) and helper:
            credentials = self._from_helper(helper, host)
            # A helper that is named for this very host is the only source for it.
            if credentials is not None or named:
                return credentials
        auths = config.get("auths")
        entry = auths.get(_key(auths, host)) if isinstance(auths, dict) else None
        return _from_entry(entry, file, host) if isinstance(entry, dict) else None

    def _from_helper(self, helper: str, host: str) -> Credentials | None:
        if _HELPER.fullmatch(helper) is None:
            raise InvalidInput(f"credential helper {helper[:80]!r} has no valid name")
        environment = {"PATH": self._search_path} if self._search_path else None
        program = f"docker-credential-{helper}"
        try:
            answer = run_tool(
                [program, "get"],
                stdin=host.encode(),
                seconds=_HELPER_SECONDS,
                limit=_MAX_CONFIG,
                environment=environment,
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


def _key(auths: Mapping[str, JsonValue], host: str) -> str:
    """Return the key of the entry for a host; it may be written as a URL."""
    registry = "docker.io" if host.endswith("docker.io") else host
    for key in auths:
        name = key.removeprefix("https://").removeprefix("http://").split("/")[0]
        if name == registry or (registry == "docker.io" and name == "index.docker.io"):
            return key
    return host


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
