"""A registry over real HTTP in this process, with the faults of real registries on demand.

It offers what the real registries of these tests lack: a paged referrers API, tokens and faults.
"""

import base64
import hashlib
import json
import re
import ssl
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Faults:
    """The faults from now on. A counter goes down to 0."""

    refuse: int = 0
    """Number of requests that are answered with `status`."""
    status: int = 503
    break_reads: int = 0
    """Blob reads that stop in the middle."""
    break_writes: int = 0
    """Requests of which half the body is kept before the connection is closed."""
    forgets: bool = False
    """A broken request ends its session, as in docker-registry."""
    wrong_bytes: bool = False
    delay: float = 0.0
    """Seconds before each answer."""
    has_referrers: bool = True
    has_ranges: bool = True
    page: int = 2
    token: str = ""
    """The bearer token that every request needs, once set."""
    basic: str = ""
    """`name:password` that every request needs, once set."""
    later: str = "0"
    """`Retry-After` of a refusal."""
    compares: bool = False
    """Sends entity tags of manifests and obeys `If-Match`."""
    user: str = ""
    """`name:password` for the token endpoint."""
    blob_host: str = ""
    """Where blobs are redirected to."""
    promises: bool = False
    """Says `OCI-Subject`, as ECR does, though it may have no referrers API."""
    api_status: int = 0
    """Status of every answer of the referrers API, once set."""
    api_page: str = ""
    """Where the referrers API is redirected to, as GHCR does; `/page/CODE` answers with CODE."""
    api_is_empty: bool = False
    """The referrers API lists nothing."""
    tag_is_digest: str = ""
    """Reads `sha256-HEX` as a digest: "absent", while no such tag exists, or "always"."""
    immutable: int = 0
    """Status of a write of a tag that exists, once set."""
    has_head: bool = True
    closes_with_content: bool = True
    """Whether the request that closes an upload may have a body."""


@dataclass
class State:
    """The content of the registry, and all requests that it received."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)
    address: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536
    state: State

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""

    def do_GET(self) -> None:
        """Return content."""
        self._answer("GET")

    def do_HEAD(self) -> None:
        """Return whether content exists."""
        self._answer("HEAD")

    def do_POST(self) -> None:
        """Start an upload."""
        self._answer("POST")

    def do_PATCH(self) -> None:
        """Continue an upload."""
        self._answer("PATCH")

    def do_PUT(self) -> None:
        """Complete an upload, or store a manifest."""
        self._answer("PUT")

    def do_DELETE(self) -> None:
        """Cancel an upload."""
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        state, faults = self.state, self.state.faults
        body = self._body(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if faults.delay:
            time.sleep(faults.delay)
        with state.lock:
            state.asked.append((method, self.path, dict(self.headers.items())))
            if faults.refuse:
                faults.refuse -= 1
                self._send(faults.status, b"busy", {"Retry-After": faults.later})
                return
            if url.path == "/token":
                self._token()
                return
            if faults.basic and self.headers.get("Authorization") != _basic(faults.basic):
                self._send(401, b"", {"WWW-Authenticate": 'Basic realm="fake"'})
                return
            if faults.token and self.headers.get("Authorization") != f"Bearer {faults.token}":
                realm = f'Bearer realm="http://{state.address}/token",service="fake"'
                self._send(401, b"", {"WWW-Authenticate": realm})
                return
            if page := re.fullmatch(r"/page/(\d+)", url.path):
                self._send(int(page[1]), b"<!doctype html>", {"Content-Type": "text/html"})
                return
            if method == "HEAD" and not faults.has_head:
                self._send(405, b"")
                return
            for pattern, act in (
                (r"/v2/(.+)/blobs/uploads/([0-9a-f-]*)", self._upload),
                (r"/v2/(.+)/blobs/(sha256:.+)", self._blob),
                (r"/v2/(.+)/manifests/(.+)", self._manifest),
                (r"/v2/(.+)/referrers/(sha256:.+)", self._referrers),
                (r"/v2/(.+)/tags/(list)", self._tags),
            ):
                if match := re.fullmatch(pattern, url.path):
                    act(method, match[1], match[2], body)
                    return
            self._send(404, b"no such page")

    def _body(self, size: int) -> bytes:
        """Return the received body; less than `size` bytes if the client disconnected."""
        parts, have = [], 0
        with suppress(ConnectionError):
            while have < size and (part := self.rfile.read1(size - have)):
                parts.append(part)
                have += len(part)
        return b"".join(parts)

    def _token(self) -> None:
        faults = self.state.faults
        if faults.user and self.headers.get("Authorization") != _basic(faults.user):
            self._send(401, b"who are you?")
            return
        self._send(200, json.dumps({"token": faults.token}).encode())

    def _upload(self, method: str, name: str, session: str, body: bytes) -> None:
        state = self.state
        query = parse_qs(urlsplit(self.path).query)
        if method == "POST":
            mount, source = query.get("mount", [""])[0], query.get("from", [""])[0]
            if f"{source}@{mount}" in state.blobs:
                state.blobs[f"{name}@{mount}"] = state.blobs[f"{source}@{mount}"]
                self._send(201, b"")
                return
            session = str(uuid.uuid4())
            state.uploads[session] = b""
        if session not in state.uploads:
            self._send(404, b"no such upload")
            return
        if self._breaks_off(method, session, body):
            return
        if method == "PATCH":
            start = self.headers.get("Content-Range", "").split("-")[0]
            if start != str(len(state.uploads[session])):
                self._send(416, b"", self._place(name, session))
                return
            state.uploads[session] += body
        if method == "PUT" and body and not state.faults.closes_with_content:
            self._send(404, b"no such upload")
            return
        if method == "PUT":
            self._finish(name, state.uploads.pop(session) + body, query["digest"][0])
            return
        if method == "DELETE":
            del state.uploads[session]
            self._send(204, b"")
            return
        self._send(204 if method == "GET" else 202, b"", self._place(name, session))

    def _breaks_off(self, method: str, session: str, body: bytes) -> bool:
        """Keep a part of the body if the client disconnected or a fault is due."""
        state, promised = self.state, int(self.headers.get("Content-Length") or 0)
        if method in ("PATCH", "PUT") and body and state.faults.break_writes:
            state.faults.break_writes -= 1
            body = body[: len(body) // 2]
        if len(body) == promised:
            return False
        state.uploads[session] += body
        if state.faults.forgets:
            del state.uploads[session]
        self.close_connection = True
        return True

    def _place(self, name: str, session: str) -> dict[str, str]:
        size = len(self.state.uploads[session])
        return {
            "Location": f"/v2/{name}/blobs/uploads/{session}?state=1",
            "Range": f"0-{max(size - 1, 0)}",
        }

    def _finish(self, name: str, content: bytes, digest: str) -> None:
        if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
            self._send(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
            return
        self.state.blobs[f"{name}@{digest}"] = content
        self._send(201, b"")

    def _blob(self, method: str, name: str, digest: str, body: bytes) -> None:
        faults = self.state.faults
        content = self.state.blobs.get(f"{name}@{digest}")
        if content is None:
            self._send(404, b"no such blob")
            return
        if faults.blob_host:
            self._send(307, b"", {"Location": f"http://{faults.blob_host}{self.path}"})
            return
        if faults.wrong_bytes:
            content = bytes(byte ^ 1 for byte in content)
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        extra: dict[str, str] = {}
        if asked and faults.has_ranges:
            start = int(asked[1])
            extra = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        part = content[start:]
        if method == "GET" and faults.break_reads:
            faults.break_reads -= 1
            self.send_response(206 if extra else 200)
            for key, value in {**extra, "Content-Length": str(len(part))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(part[: len(part) // 2])
            self.close_connection = True
            return
        self._send(206 if extra else 200, part, extra)

    def _manifest(self, method: str, name: str, key: str, body: bytes) -> None:
        state = self.state
        if method == "PUT":
            media_type = self.headers.get("Content-Type", "")
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            before, condition = state.manifests.get(f"{name}@{key}"), self.headers.get("If-Match")
            if state.faults.compares and condition and condition != _entity(before):
                self._send(412, b"changed meanwhile")
                return
            if (
                state.faults.immutable
                and ":" not in key
                and before not in (None, (media_type, body))
            ):
                reason = {"code": "TAG_INVALID", "message": f"the tag {key} is immutable"}
                self._send(state.faults.immutable, json.dumps({"errors": [reason]}).encode())
                return
            state.manifests[f"{name}@{key}"] = (media_type, body)
            state.manifests[f"{name}@{digest}"] = (media_type, body)
            subject = json.loads(body).get("subject")
            supported = subject and (state.faults.has_referrers or state.faults.promises)
            extra = {"OCI-Subject": subject["digest"]} if supported else {}
            self._send(201, b"", extra)
            return
        found, reads = state.manifests.get(f"{name}@{key}"), state.faults.tag_is_digest
        if key.startswith("sha256-") and (reads == "always" or (reads and found is None)):
            found = state.manifests.get(f"{name}@{key.replace('-', ':', 1)}")
        if found is None:
            self._send(404, b"no such manifest")
            return
        extra = {"ETag": _entity(found)} if state.faults.compares else {}
        self._send(200, found[1], {"Content-Type": found[0], **extra})

    def _referrers(self, method: str, name: str, digest: str, body: bytes) -> None:
        state, faults = self.state, self.state.faults
        if faults.api_page:
            self._send(303, b"", {"Location": faults.api_page})
            return
        if not faults.has_referrers or faults.api_status:
            self._send(faults.api_status or 404, b"not supported here")
            return
        found = []
        for key, (media_type, content) in sorted(state.manifests.items()):
            repository, _, own = key.partition("@")
            manifest = json.loads(content)
            if repository != name or not own.startswith("sha256:") or faults.api_is_empty:
                continue
            if (manifest.get("subject") or {}).get("digest") != digest:
                continue
            found.append(
                {
                    "mediaType": media_type,
                    "digest": own,
                    "size": len(content),
                    "artifactType": manifest.get("artifactType") or manifest["config"]["mediaType"],
                    "annotations": manifest.get("annotations", {}),
                }
            )
        first = int(parse_qs(urlsplit(self.path).query).get("from", ["0"])[0])
        page = found[first : first + state.faults.page]
        extra = {"Content-Type": INDEX}
        if len(found) > first + state.faults.page:
            path = urlsplit(self.path).path
            extra["Link"] = f'<{path}?from={first + state.faults.page}>; rel="next"'
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": page}
        self._send(200, json.dumps(index).encode(), extra)

    def _tags(self, method: str, name: str, key: str, body: bytes) -> None:
        keys = (key.split("@", 1) for key in self.state.manifests)
        tags = [tag for repository, tag in keys if repository == name and ":" not in tag]
        self._send(200, json.dumps({"name": name, "tags": tags}).encode())

    def _send(self, status: int, body: bytes, extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(extra or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _basic(user: str) -> str:
    return "Basic " + base64.b64encode(user.encode()).decode()


def _entity(manifest: tuple[str, bytes] | None) -> str:
    return f'"{hashlib.sha256(manifest[1]).hexdigest()}"' if manifest else ""


@contextmanager
def fake_registry(tls: ssl.SSLContext | None = None) -> Iterator[State]:
    """Run a registry on a free port of this machine."""
    state = State()
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.address = f"127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
