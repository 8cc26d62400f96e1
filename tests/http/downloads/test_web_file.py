"""A file on a web server of this machine: its bytes, or the reason why there are none."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from goldenpath.errors import GoldenPathError, InvalidInput, NotFound, Unavailable
from goldenpath.http.downloads.web_file import web_file

CONTENT = b"row,at\n" * 500_000


class _Site(BaseHTTPRequestHandler):
    """Answers by the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in ("/rows.csv", "/short.csv"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[: len(CONTENT) // (2 if path == "/short.csv" else 1)])
            self.close_connection = True
        elif path.startswith("/to/"):
            self._end(302, "/rows.csv" if path == "/to/rows" else path)
        else:
            self._end(int(path.removeprefix("/status/")), "")

    def _end(self, status: int, location: str) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/rows.csv", "/to/rows", "/rows.csv?signature=secret"])
def test_a_file_is_read_piece_by_piece_with_its_size(site: str, path: str) -> None:
    file = web_file(site + path, {})
    pieces = list(file.read())

    assert b"".join(pieces) == CONTENT and len(pieces) > 1
    assert file.size == len(CONTENT)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/status/404", NotFound, "does not exist"),
        ("/status/410", NotFound, "does not exist"),
        ("/status/403?key=secret", InvalidInput, "answers with 403"),
        ("/status/500", Unavailable, "answers with 500"),
        ("/status/429", Unavailable, "answers with 429"),
        ("/to/itself", Unavailable, "more than 5 other addresses"),
    ],
)
def test_what_is_no_file_is_an_error_without_secrets(
    site: str, path: str, error: type[GoldenPathError], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        web_file(site + path, {})

    assert "secret" not in str(raised.value)


def test_a_file_that_breaks_off_is_no_file(site: str) -> None:
    with pytest.raises(Unavailable, match="broke off"):
        list(web_file(f"{site}/short.csv", {}).read())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "http:///x", "http://me:secret@127.0.0.1/x"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected http or https") as raised:
        web_file(url, {})

    assert "secret" not in str(raised.value)


def test_nobody_there_is_not_no_file() -> None:
    with pytest.raises(Unavailable, match="gives no answer"):
        web_file("http://127.0.0.1:1/rows.csv", {})
