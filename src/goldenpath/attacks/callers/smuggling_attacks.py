"""Messages that two servers can read in two ways."""

from goldenpath.attacks.callers.caller_scene import CallerAttack, request, sends

_CHUNKED = "Transfer-Encoding: chunked"
_BODY = b"5\r\nhello\r\n0\r\n\r\n"


def _length(name: str, *lines: str, body: bytes = b"hello") -> CallerAttack:
    return CallerAttack(name, "one length", sends(request(*lines, body=body)))


def _ends(name: str, content: bytes) -> CallerAttack:
    return CallerAttack(name, "line ends", sends(content))


def _header(name: str, *lines: str) -> CallerAttack:
    return CallerAttack(name, "header lines", sends(request(*lines)))


def _coding(name: str, *lines: str, first: str = "POST /infer HTTP/1.1") -> CallerAttack:
    return CallerAttack(name, "known coding", sends(request(*lines, first=first, body=_BODY)))


def _first(name: str, line: str) -> CallerAttack:
    return CallerAttack(name, "request line", sends(request(first=line)))


def _host(name: str, *lines: str) -> CallerAttack:
    head = "\r\n".join(("GET /v2 HTTP/1.1", *lines))
    return CallerAttack(name, "one host", sends(head.encode() + b"\r\n\r\n"))


def _chunks(name: str, body: bytes) -> CallerAttack:
    return CallerAttack(name, "form of chunks", sends(request(_CHUNKED, body=body)))


ATTACKS = (
    _length("two lengths differ", "Content-Length: 5", "Content-Length: 0"),
    _length("one length is given twice", "Content-Length: 5", "Content-Length: 5"),
    _length("a length stands beside a coding", "Content-Length: 5", _CHUNKED, body=_BODY),
    _length("a length is a list", "Content-Length: 5, 5"),
    _length("a length has a sign", "Content-Length: +5"),
    _length("a length is negative", "Content-Length: -5"),
    _length("a length has twenty digits", "Content-Length: 00000000000000000005"),
    _ends("lines end with LF alone", b"GET /v2 HTTP/1.1\nHost: model\n\n"),
    _ends("a header hides behind LF alone",
        b"GET /v2 HTTP/1.1\r\nHost: model\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    _ends("a header hides behind CR alone",
        b"GET /v2 HTTP/1.1\r\nHost: model\r\nX: a\rX-Other: b\r\n\r\n"),
    _header("a blank stands before the colon", "X-Note : a"),
    _header("a header line is folded", "X-Note: a", " Content-Length: 5"),
    _header("a header line has no colon", "X-Note"),
    _header("a header has a NUL in its value", "X-Note: a\0b"),
    _header("a header has brackets in its name", "X(Note): a"),
    _header("a header has no name", ": a"),
    _coding("a coding only contains the word chunked", "Transfer-Encoding: xchunked"),
    _coding("a coding hides behind another one", "Transfer-Encoding: chunked, identity"),
    _coding("a coding is hidden by quotes", 'Transfer-Encoding: "chunked"'),
    _coding("a coding is given twice", _CHUNKED, _CHUNKED),
    _coding("a client of HTTP/1.0 sends chunks", _CHUNKED, first="POST /infer HTTP/1.0"),
    _first("the request line has two blanks", "GET  /v2 HTTP/1.1"),
    _first("the request line has a tab", "GET\t/v2 HTTP/1.1"),
    _first("the method is in lower case", "get /v2 HTTP/1.1"),
    _first("the method is not known", "PURGE /v2 HTTP/1.1"),
    _first("the target has a fragment", "GET /v2#/metrics HTTP/1.1"),
    _first("the version is of the future", "GET /v2 HTTP/1.9"),
    _host("a request names no host", "X-Note: a"),
    _host("a host goes on as a path", "Host: model/metrics"),
    _host("a host has a blank", "Host: model other"),
    _host("two hosts are named", "Host: model", "Host: other"),
    _chunks("a chunk's size begins with 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    _chunks("a chunk's size has a sign", b"+5\r\nhello\r\n0\r\n\r\n"),
    _chunks("a chunk's size has an underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    _chunks("a chunk's size ends with LF alone", b"5\nhello\r\n0\r\n\r\n"),
    _chunks("a chunk is longer than its size", b"5\r\nhello world\r\n0\r\n\r\n"),
    _chunks("the trailer is no header", b"5\r\nhello\r\n0\r\nGET /metrics HTTP/1.1\r\n\r\n"),
)  # fmt: skip
