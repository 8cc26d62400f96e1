"""Which proxy a URL goes through, and requests through a real one."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.http.proxies import ClientPools, Proxies

PROXY = "http://proxy.bank.example:3128"


@pytest.mark.parametrize(
    ("environment", "url", "through"),
    [
        ({}, "http://a.example", None),
        ({"http_proxy": PROXY}, "http://a.example", PROXY),
        ({"HTTP_PROXY": PROXY}, "http://a.example", PROXY),
        ({"http_proxy": PROXY, "HTTP_PROXY": "http://other:1"}, "http://a.example", PROXY),
        ({"http_proxy": PROXY}, "https://a.example", None),
        ({"https_proxy": "proxy.bank.example:3128"}, "https://a.example", PROXY),
        ({"http_proxy": PROXY}, "http://localhost:5000", None),
        ({"http_proxy": PROXY}, "http://127.3.2.1:5000", None),
        ({"http_proxy": PROXY}, "http://[::1]:5000", None),
        ({"http_proxy": PROXY, "no_proxy": "*"}, "http://a.example", None),
        ({"http_proxy": PROXY, "NO_PROXY": "b.example, a.example"}, "http://a.example", None),
        ({"http_proxy": PROXY, "no_proxy": "example"}, "http://A.example", None),
        ({"http_proxy": PROXY, "no_proxy": ".a.example"}, "http://a.example", PROXY),
        ({"http_proxy": PROXY, "no_proxy": ".example"}, "http://a.example", None),
        ({"http_proxy": PROXY, "no_proxy": "*.example"}, "http://a.example", None),
        ({"http_proxy": PROXY, "no_proxy": "ample"}, "http://a.example", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "a.example:8080"}, "http://a.example", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "a.example:8080"}, "http://a.example:8080", None),
        ({"https_proxy": PROXY, "no_proxy": "a.example:443"}, "https://a.example", None),
        ({"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3", None),
        ({"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, "http://11.1.2.3", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, "http://a.example", PROXY),
        ({"http_proxy": PROXY, "no_proxy": "nonsense/99,"}, "http://a.example", PROXY),
    ],
)
def test_the_proxy_of_a_url(environment: dict[str, str], url: str, through: str | None) -> None:
    assert Proxies(environment).of(url) == through


@pytest.mark.parametrize("value", ["socks5://a:1", "http://", "http://a:port", "http://u:secret@"])
def test_a_proxy_without_an_address_is_refused_and_no_password_shown(value: str) -> None:
    with pytest.raises(InvalidInput, match="is not the address of a proxy") as caught:
        Proxies({"https_proxy": value})

    assert "secret" not in caught.value.message


@contextmanager
def _proxy(seen: list[tuple[str, str, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Log nothing."""

        def do_GET(self) -> None:
            seen.append(("GET", self.path, self.headers.get("Proxy-Authorization", "")))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def do_CONNECT(self) -> None:
            seen.append(("CONNECT", self.path, self.headers.get("Proxy-Authorization", "")))
            self.send_error(403)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_plain_requests_are_handed_to_the_proxy_and_tls_is_tunnelled() -> None:
    seen: list[tuple[str, str, str]] = []
    with _proxy(seen) as address:
        proxy = f"http://me:pass%20word@{address}"
        pools = ClientPools({"http_proxy": proxy, "https_proxy": proxy}, retries=False)
        answer = pools.request("GET", "http://registry.bank.example/v2/")
        with pytest.raises(Exception, match="403"):
            pools.request("GET", "https://registry.bank.example/v2/")

    login = "Basic " + base64.b64encode(b"me:pass word").decode()
    assert answer.data == b"ok"
    assert seen == [
        ("GET", "http://registry.bank.example/v2/", login),
        ("CONNECT", "registry.bank.example:443", login),
    ]
