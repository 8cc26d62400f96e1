"""Targets of requests: the path without its query, percent-decoded once."""

import re
from urllib.parse import unquote_to_bytes

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def decoded_path(target: bytes) -> bytes:
    """Return the path of a target, each segment decoded once (RFC 3986, section 2.4).

    A segment stays encoded if it is malformed, or if decoding would give a slash or a control
    character: such a segment matches no path here.
    """
    path = target.partition(b"?")[0]
    if b"%" not in path:
        return path
    return b"/".join([_decoded(segment) for segment in path.split(b"/")])


def _decoded(segment: bytes) -> bytes:
    if _BROKEN.search(segment):
        return segment
    decoded = unquote_to_bytes(segment)
    return segment if b"/" in decoded or any(byte < 0x20 for byte in decoded) else decoded
