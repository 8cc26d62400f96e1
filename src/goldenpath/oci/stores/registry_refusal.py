"""The error for an answer with which a registry refuses something: its own reason, and a cure."""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from goldenpath.errors import InvalidInput, Unavailable

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which a request is sent again: the registry is busy, or was interrupted."""
_SHOWN = 300
_LOG_IN = "log in with `docker login` or another tool that writes docker's config.json"
_RIGHTS = f"{_LOG_IN}, with an account that has the right to do this"
_CURES: Mapping[str, str] = {
    "NAME_UNKNOWN": "create the repository in the registry first, or let it be created on push",
    "SIZE_INVALID": "raise the largest size of a manifest in the registry's settings",
    "MANIFEST_INVALID": "use a registry that takes OCI 1.1 manifests (artifactType, empty config)",
    "TAG_INVALID": "use another tag, or allow this one to change in the registry's settings",
    "DENIED": _RIGHTS,
    "UNAUTHORIZED": _LOG_IN,
}
"""By the error codes of the distribution specification, and those that registries added to it."""


def refusal(method: str, url: str, answer: urllib3.BaseHTTPResponse) -> InvalidInput | Unavailable:
    """Return the error for an answer with an unexpected status, and close the answer."""
    host = urlsplit(url).netloc
    try:
        text = answer.read(4000, decode_content=False).decode("utf-8", "replace")
    except HTTPError:
        text = ""  # the status alone tells enough
    answer.close()
    code, reason = _reason(text)
    what = f"registry {host} answered {method} {urlsplit(url).path} with {answer.status}: {reason}"
    if answer.status in RETRIED:
        return Unavailable(what)
    cure = _CURES.get(code)
    if answer.status in (401, 403) and code != "TAG_INVALID":
        return InvalidInput(
            f"registry {host} refused access ({answer.status}): {reason}",
            hint=cure or (_LOG_IN if answer.status == 401 else _RIGHTS),
        )
    if cure is None and answer.status == 404 and method in ("POST", "PUT", "PATCH"):
        cure = _CURES["NAME_UNKNOWN"]
    return InvalidInput(what, hint=cure)


def _reason(text: str) -> tuple[str, str]:
    """Return the code and the message of the first error in a registry's answer, else its text."""
    try:
        match json.loads(text):
            case {"errors": [{"code": str() as code, **rest}, *_]}:
                message = rest.get("message")
                return code, _printable(f"{message} ({code})" if message else code)
    except (ValueError, RecursionError):
        pass  # no JSON: a web page, or a text that was cut
    return "", _printable(text) or "no reason given"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:_SHOWN]
