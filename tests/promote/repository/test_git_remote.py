"""A remote behind HTTP, by git's own server program."""

import gzip
import os
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from goldenpath.errors import Unavailable
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.git import Git
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.serve.tokens import Authority

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_FOLDER = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout
BACKEND = Path(_FOLDER.strip()) / "git-http-backend"


class _Handler(BaseHTTPRequestHandler):
    """Pass each request to git's own program."""

    protocol_version = "HTTP/1.1"  # a client over TLS takes no end of a connection for one
    root: Path
    password = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        shown = self.headers.get("Authorization", "")
        if self.password and shown != f"Basic {b64encode(self.password.encode()).decode()}":
            self._head(401, [["WWW-Authenticate", 'Basic realm="git"']], 0)
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1", "REMOTE_USER": "x", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run(
            [str(BACKEND)], input=body, capture_output=True, env=environment, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self._head(int(status.split()[0]), headers, len(content))
        self.wfile.write(content)

    def _head(self, status: int, headers: list[list[str]], size: int) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests are quiet."""


@contextmanager
def served(root: Path, context: ssl.SSLContext | None = None, password: str = "") -> Iterator[str]:
    """The address of `root/remote.git`; `password` is required if it is given."""

    handler = type("Handler", (_Handler,), {"root": root, "password": password})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/remote.git"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.interop
@pytest.mark.skipif(not BACKEND.is_file(), reason="needs git http-backend")
def test_commits_travel_over_http_with_their_signatures(tmp_path: Path) -> None:
    remote = Git(tmp_path / "remote.git", {"PATH": os.environ["PATH"]})
    remote.initialise()
    remote.run("config", "http.receivepack", "true")
    key = SshKey.generate(tmp_path / "key")
    with served(tmp_path) as url:
        here, there = (Repository(url, tmp_path / name) for name in ("here", "there"))
        first = here.commit(None, {"a": b"1"}, "first", "engineer", key=key, now=NOW)
        assert there.fetch() == first
        second = there.commit(first, {"a": b"2"}, "second", "engineer", key=key, now=NOW)

        with pytest.raises(MovedOn):
            here.commit(first, {"a": b"3"}, "late", "engineer", key=key, now=NOW)
        assert here.fetch() == second
        assert here.read(second, "a") == b"2"


@pytest.mark.interop
@pytest.mark.skipif(not BACKEND.is_file(), reason="needs git http-backend")
def test_over_https_an_authority_of_ones_own_is_trusted_and_a_password_is_asked_for(
    tmp_path: Path,
) -> None:
    remote = Git(tmp_path / "remote.git", {"PATH": os.environ["PATH"]})
    remote.initialise()
    remote.run("config", "http.receivepack", "true")
    authority = Authority(tmp_path)
    files = authority.issue("git")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    helper = tmp_path / "askpass"
    helper.write_text('#!/bin/sh\ncase "$1" in User*) echo robot;; *) echo secret;; esac\n')
    helper.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "GIT_SSL_CAINFO": str(authority.path)}
    key = SshKey.generate(tmp_path / "key")
    with served(tmp_path, context, "robot:secret") as url:
        asked = Repository(url, tmp_path / "a", {**environment, "GIT_ASKPASS": str(helper)})
        first = asked.commit(None, {"a": b"1"}, "first", "engineer", key=key, now=NOW)
        named = url.replace("://", "://robot:secret@")
        assert Repository(named, tmp_path / "b", environment).fetch() == first

        wrong = url.replace("://", "://robot:wrong-password@")
        with pytest.raises(Unavailable) as refused:
            Repository(wrong, tmp_path / "c", environment).fetch()
        assert "wrong-password" not in refused.value.message
        assert "token" in (refused.value.hint or "")
        with pytest.raises(Unavailable, match="certificate") as distrusted:
            Repository(named, tmp_path / "d", {"PATH": os.environ["PATH"]}).fetch()
        assert "GIT_SSL_CAINFO" in (distrusted.value.hint or "")
        with pytest.raises(Unavailable) as unnamed:
            Repository(url, tmp_path / "f", environment).fetch()
        assert "GIT_ASKPASS" in (unnamed.value.hint or "")
    with pytest.raises(Unavailable) as away:
        Repository(named, tmp_path / "e", environment).fetch()
    assert "secret" not in away.value.message and "127.0.0.1" in away.value.message


def test_commits_travel_over_ssh_and_back(tmp_path: Path) -> None:
    """Git's protocol for SSH remotes, with a local shell in the place of the SSH client."""
    remote = Git(tmp_path / "remote.git", {"PATH": os.environ["PATH"]})
    remote.initialise()
    client = tmp_path / "ssh"
    client.write_text('#!/bin/sh\nwhile [ "$1" != git@host ]; do shift; done\nshift\neval "$*"\n')
    client.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": str(client)}
    key = SshKey.generate(tmp_path / "key")
    urls = (f"ssh://git@host{tmp_path}/remote.git", f"git@host:{tmp_path}/remote.git")
    here, there = (Repository(url, tmp_path / f"cache-{url[:3]}", environment) for url in urls)

    first = here.commit(None, {"a": b"1"}, "first", "engineer", key=key, now=NOW)
    assert there.fetch() == first
    second = there.commit(first, {"a": b"2"}, "second", "engineer", key=key, now=NOW)

    with pytest.raises(MovedOn):
        here.commit(first, {"a": b"3"}, "late", "engineer", key=key, now=NOW)
    assert here.fetch() == second


def test_what_ssh_says_of_a_refusal_is_said(tmp_path: Path) -> None:
    client = tmp_path / "ssh"
    client.write_text('#!/bin/sh\necho "git@host: Permission denied (publickey)." >&2\nexit 255\n')
    client.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": str(client)}

    with pytest.raises(Unavailable, match="Permission denied"):
        Repository("git@host:remote.git", tmp_path / "cache", environment).fetch()
