"""An API server as far as a follower and `status` need one: it implements the protocol.

Lists come in parts with a token to go on, an object is changed by a JSON merge patch (RFC 7396),
and whoever shows no token or another one gets the status that a real one gives.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from goldenpath.deploy.cluster.api_server import ApiServer

TOKEN = "a-token-of-the-account"
_PART = 2
"""Objects of a list in one answer, whatever is asked for: the protocol allows fewer."""

Json = dict[str, Any]


@dataclass
class FakeApiServer:
    """Objects by path; a list has the path of its collection."""

    address: str = ""
    objects: dict[str, Json] = field(default_factory=dict)
    lists: dict[str, list[Json]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Paths that are answered with 503."""
    forbidden: set[str] = field(default_factory=set)
    webhook: str = ""
    """What a webhook answers to whoever creates something; empty if it admits."""
    patches: list[tuple[str, str]] = field(default_factory=list)
    """Path and content type of each patch."""

    def reader(self, folder: Path, token: str = TOKEN) -> ApiServer:
        """What a pod asks it by, with its account in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "token").write_text(f"{token}\n")
        return ApiServer(self.address, folder)


def _status(code: int, reason: str, message: str) -> tuple[int, Json]:
    return code, {"kind": "Status", "status": "Failure", "reason": reason, "message": message}


class _Api(BaseHTTPRequestHandler):
    server_state: FakeApiServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._send(self._refused(parts.path) or self._found(parts.path, parse_qs(parts.query)))

    def do_POST(self) -> None:
        """Create an object as a dry run: admission first, then its name."""
        state, parts = self.server_state, urlsplit(self.path)
        item = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        names = [each["metadata"]["name"] for each in state.lists.get(parts.path, [])]
        refused = self._refused(parts.path)
        if refused is None and parse_qs(parts.query) != {"dryRun": ["All"]}:
            refused = _status(405, "MethodNotAllowed", "a real change")
        if refused is None and state.webhook:
            refused = _status(500, "InternalError", state.webhook)
        if refused is None and item["metadata"]["name"] in names:
            refused = _status(409, "AlreadyExists", "it already exists")
        self._send(refused or (201, item))

    def do_PATCH(self) -> None:
        state, path = self.server_state, urlsplit(self.path).path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.headers["Content-Type"]
        state.patches.append((path, kind))
        refused = self._refused(path)
        if refused is None and kind != "application/merge-patch+json":
            refused = _status(415, "UnsupportedMediaType", kind)
        if refused is None and path not in state.objects:
            refused = _status(404, "NotFound", path)
        if refused is None:
            state.objects[path] = _merged(state.objects[path], body)
        self._send(refused or (200, state.objects[path]))

    def _refused(self, path: str) -> tuple[int, Json] | None:
        state = self.server_state
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized", "Unauthorized")
        if path in state.forbidden:
            return _status(403, "Forbidden", f"{path} is forbidden")
        return _status(503, "ServiceUnavailable", "etcd is away") if path in state.broken else None

    def _found(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Json]:
        state = self.server_state
        if path in state.objects:
            return 200, state.objects[path]
        if path not in state.lists:
            return _status(404, "NotFound", f"{path} not found")
        items = state.lists[path]
        begin = int(query.get("continue", ["0"])[0])
        end = begin + _PART if "limit" in query else len(items)
        metadata = {"continue": str(end)} if end < len(items) else {}
        return 200, {"kind": "List", "metadata": metadata, "items": items[begin:end]}

    def _send(self, answer: tuple[int, Json]) -> None:
        content = json.dumps(answer[1]).encode()
        self.send_response(answer[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests are quiet."""


def _merged(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


@contextmanager
def fake_api_server() -> Iterator[FakeApiServer]:
    """A running server on loopback."""
    state = FakeApiServer()
    handler = type("Api", (_Api,), {"server_state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
