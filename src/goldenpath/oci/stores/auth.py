"""Who we are to a registry: docker's configuration, credential helpers, and challenges.

Formats: `config.json` of the docker command line, its credential-helper protocol, RFC 7235 and the
token authentication of the distribution project.
"""

import base64
import binascii
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldenpath.canonical import JsonValue, parse_object
from goldenpath.errors import InvalidInput, Unavailable

_MAX_CONFIG = 1024 * 1024
_VALUE = r"[a-zA-Z_]+=(?:\"[^\"]*\"|[^\s,\"]+)"
_CHALLENGE = re.compile(rf"([A-Za-z]+)\s+((?:{_VALUE}\s*,?\s*)+)|([A-Za-z]+)")
_PARAMETER = re.compile(r"([a-zA-Z_]+)=(?:\"([^\"]*)\"|([^\s,\"]+))")
_HELPER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NO_ENTRY = "credentials not found"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and secret; or an identity token, which is traded for access tokens."""

    user: str
    secret: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a registry asks for in `WWW-Authenticate`."""

    scheme: str
    """In lower case."""
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Every challenge of a header, in its order; what cannot be read is left out."""
    found = []
    for scheme, parameters, alone in _CHALLENGE.findall(header[:4096]):
        pairs = {k.lower(): quoted or plain for k, quoted, plain in _PARAMETER.findall(parameters)}
        found.append(Challenge((scheme or alone).lower(), pairs))
    return tuple(found)


class Keychain:
    """Credentials by host, from files in docker's format; the first file that knows one wins."""

    def __init__(self, files: Iterable[Path] = (), search_path: str | None = None) -> None:
        self._files = tuple(files)
        self._search_path = search_path

    def find(self, host: str) -> Credentials | None:
        """What to show to `host`, None if nobody gave us anything.

        Raises `InvalidInput` for a broken file and `Unavailable` if a helper fails.
        """
        for file in self._files:
            if file.is_file():
                config = _read_config(file)
                found = self._in_config(config, host, file)
                if found is not None:
                    return found
        return None

    def _in_config(
        self, config: Mapping[str, JsonValue], host: str, file: Path
    ) -> Credentials | None:
        helpers = config.get("credHelpers")
        named = helpers.get(host) if isinstance(helpers, dict) else None
        helper = named or config.get("credsStore")
        if isinstance(helper, str) and helper:
            found = self._ask(helper, host)
            if found is not None or named:
                return found
        auths = config.get("auths")
        entry = auths.get(_key(auths, host)) if isinstance(auths, dict) else None
        return _from_entry(entry, file, host) if isinstance(entry, dict) else None

    def _ask(self, helper: str, host: str) -> Credentials | None:
        if _HELPER.fullmatch(helper) is None:
            raise InvalidInput(f"credential helper {helper[:80]!r} has no valid name")
        environment = {"PATH": self._search_path} if self._search_path else None
        program = f"docker-credential-{helper}"
        try:
            answer = subprocess.run(
                [program, "get"],
                input=host.encode(),
                capture_output=True,
                timeout=30,
                check=False,
                env=environment,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"credential helper {program} gave no answer: {error}") from error
        if answer.returncode != 0:
            said = (answer.stdout + answer.stderr)[:200].decode("utf-8", "replace").strip()
            if _NO_ENTRY in said:
                return None
            raise Unavailable(f"credential helper {program} failed: {said}")
        value = parse_object(answer.stdout[:_MAX_CONFIG], f"answer of {program}")
        user, secret = value.get("Username"), value.get("Secret")
        if not isinstance(user, str) or not isinstance(secret, str):
            raise InvalidInput(f"answer of {program} needs the strings Username and Secret")
        return Credentials("", "", secret) if user == "<token>" else Credentials(user, secret)


def _read_config(file: Path) -> Mapping[str, JsonValue]:
    with file.open("rb") as opened:
        return parse_object(opened.read(_MAX_CONFIG), str(file))


def _key(auths: Mapping[str, JsonValue], host: str) -> str:
    """The entry for a host, which may be written as a URL."""
    wanted = "docker.io" if host.endswith("docker.io") else host
    for key in auths:
        name = key.removeprefix("https://").removeprefix("http://").split("/")[0]
        if name == wanted or (wanted == "docker.io" and name == "index.docker.io"):
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
