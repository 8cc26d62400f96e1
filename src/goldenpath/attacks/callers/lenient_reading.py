"""How lenient servers read: what arrives is rewritten into what they take it for.

Each rewrite stands for one rule of our grammar (RFC 9112) that is not applied. Two servers of
which one reads like this disagree about where a request ends, which is how requests are smuggled.
"""

import re
from collections.abc import Callable, Mapping

from goldenpath.http.messages.reader import METHODS

_END = re.compile(rb"\r?\n\r?\n|\r\r")
_ANY_LINE_END = re.compile(rb"\r\n|\r|\n")


def _in_head(rewrite: Callable[[bytes, list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Return a rewrite of first line and header lines; the body stays."""

    def whole(content: bytes) -> bytes:
        head, end, body = content.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        return b"\r\n".join(rewrite(first, lines)) + end + body if end else content

    return whole


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _last_length(first: bytes, lines: list[bytes]) -> list[bytes]:
    """The last length counts, and none beside a coding; of a value, the last number in it."""
    lengths = [line for line in lines if _name(line) == b"content-length"]
    others = [line for line in lines if _name(line) != b"content-length"]
    if lengths and not any(_name(line) == b"transfer-encoding" for line in lines):
        number = re.findall(rb"[0-9]+", lengths[-1])[-1][-12:]
        others.append(b"content-length: " + number)
    return [first, *others]


def _any_line_end(content: bytes) -> bytes:
    """CR or LF alone ends a line as well."""
    end = _END.search(content)
    if end is None:
        return content
    head = _ANY_LINE_END.sub(b"\r\n", content[: end.start()])
    return head + b"\r\n\r\n" + content[end.end() :]


def _loose_fields(first: bytes, lines: list[bytes]) -> list[bytes]:
    """Blanks before the colon, folded lines and strange names are accepted."""
    kept: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and kept:
            kept[-1] += b" " + line.strip()
        elif b":" in line and _name(line):
            name, _, value = line.partition(b":")
            name = re.sub(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z\r\n]", b"", name)
            kept.append(name + b":" + value.replace(b"\0", b""))
    return [first, *kept]


def _any_coding(first: bytes, lines: list[bytes]) -> list[bytes]:
    """A coding is `chunked` if the word is in it; others do not count."""
    codings = [line for line in lines if _name(line) == b"transfer-encoding"]
    others = [line for line in lines if _name(line) != b"transfer-encoding"]
    is_old = first.endswith(b"HTTP/1.0")
    if any(b"chunked" in line.lower() for line in codings) and not is_old:
        others.append(b"transfer-encoding: chunked")
    return [first, *others]


def _loose_request_line(first: bytes, lines: list[bytes]) -> list[bytes]:
    """Any blanks, any case, any version, and a fragment that is cut off."""
    words = first.split()
    method = words[0].upper() if words and words[0].upper() in METHODS else b"POST"
    target = words[1].partition(b"#")[0] if len(words) > 1 else b"/"
    version = b"HTTP/1.0" if words[-1:] == [b"HTTP/1.0"] else b"HTTP/1.1"
    return [b" ".join((method, target or b"/", version)), *lines]


def _any_host(first: bytes, lines: list[bytes]) -> list[bytes]:
    """The first host counts, without what is no host in it; none is needed."""
    hosts = [line for line in lines if _name(line) == b"host"]
    others = [line for line in lines if _name(line) != b"host"]
    value = hosts[0].partition(b":")[2].strip() if hosts else b"model"
    return [first, b"host: " + re.sub(rb"[^A-Za-z0-9\-.:].*", b"", value), *others]


def _loose_chunks(content: bytes) -> bytes:
    """Any way to write a size, any line end, and whatever stands behind a chunk."""
    head, end, body = content.partition(b"\r\n\r\n")
    if not re.search(rb"(?i)\r\ntransfer-encoding: *chunked(\r\n|$)", head):
        return content
    chunks, rest = b"", body
    while rest:
        line, _, rest = rest.partition(b"\n")
        number = re.search(rb"(?:0x)?([0-9A-Fa-f]{1,8})", line.replace(b"_", b""))
        size = int(number[1], 16) if number else 0
        if not size:
            return head + end + chunks + b"0\r\n\r\n"
        piece, rest = rest[:size], rest[size:]
        if len(piece) < size:
            return content  # not complete
        chunks += b"%x\r\n%b\r\n" % (size, piece)
        rest = rest.partition(b"\n")[2]
    return head + end + chunks


REWRITES: Mapping[str, Callable[[bytes], bytes]] = {
    "one length": _in_head(_last_length),
    "line ends": _any_line_end,
    "header lines": _in_head(_loose_fields),
    "known coding": _in_head(_any_coding),
    "request line": _in_head(_loose_request_line),
    "one host": _in_head(_any_host),
    "form of chunks": _loose_chunks,
}
"""By the control that it stands against."""
