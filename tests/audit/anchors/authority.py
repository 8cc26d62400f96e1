"""A small time-stamping authority of its own: `openssl ts` behind HTTP, on this machine."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_SETTINGS = """
oid_section = names
[names]
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/authority.pem
signer_key = {folder}/authority.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """An authority, and what it was asked."""

    folder: Path
    address: str = ""
    status: int = 200
    answer: bytes | None = None
    """What it answers instead of a stamp; None for a stamp."""
    asked: list[bytes] = field(default_factory=list)

    @property
    def certificate(self) -> Path:
        """The certificate to pin."""
        return self.folder / "authority.pem"

    def stamp(self, query: bytes) -> bytes:
        """The answer to a request."""
        (self.folder / "query").write_bytes(query)
        words = ["-config", str(self.folder / "settings"), "-queryfile", str(self.folder / "query")]
        return _openssl("ts", "-reply", *words)


def _openssl(*words: str) -> bytes:
    return subprocess.run(["openssl", *words], check=True, capture_output=True).stdout


def found(folder: Path, name: str = "authority", kind: str = "ec") -> Authority:
    """An authority with a key of its own."""
    folder.mkdir()
    made = (
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        if kind == "ec"
        else ["-newkey", "rsa:2048"]
    )
    _openssl(
        "req", "-x509", *made, "-nodes", "-days", "30", "-subj", f"/CN={name}",
        "-addext", "extendedKeyUsage=critical,timeStamping",
        "-keyout", str(folder / "authority.key"), "-out", str(folder / "authority.pem"),
    )  # fmt: skip
    (folder / "settings").write_text(_SETTINGS.format(folder=folder))
    (folder / "serial").write_text("01\n")
    return Authority(folder)


@contextmanager
def answering(authority: Authority) -> Iterator[Authority]:
    """Let it answer over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            authority.asked.append(body)
            answer = authority.stamp(body) if authority.answer is None else authority.answer
            self.send_response(authority.status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority.address = f"http://127.0.0.1:{server.server_port}/stamp"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
