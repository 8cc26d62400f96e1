"""The writer of answers; it trusts field names and values, because they are our own."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

JSON = "application/json"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def render(
    status: int,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    keep_alive: bool = True,
    media_type: str = JSON,
    is_head: bool = False,
) -> bytes:
    """Return an answer as wire bytes, without the body for a HEAD request."""
    lines = [f"HTTP/1.1 {status} {_PHRASES[status]}", f"content-length: {len(body)}"]
    if body:
        lines.append(f"content-type: {media_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if not keep_alive:
        lines.append("connection: close")
    head = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
    return head if is_head else head + body


def error_body(message: str) -> bytes:
    """Return an error in the form of Open Inference Protocol v2."""
    return msgspec.json.encode({"error": message})
