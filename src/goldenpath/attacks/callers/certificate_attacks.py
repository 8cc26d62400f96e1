"""Clients whose certificate is not one that the listener's authority issued.

The handshake is real, in memory. Without the control the listener asks for no certificate.
"""

import ssl
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.x509.oid import ExtendedKeyUsageOID

from goldenpath.attacks.callers.caller_scene import CallerAttack, CallerScene
from goldenpath.attacks.callers.issued_certificates import (
    Authority,
    authority,
    server_certificate,
)
from goldenpath.http.tls import server_context

OF_CERTIFICATES = ("client certificates",)
_NAME = "the bank's authority"
Shows = Callable[[Path, Authority], tuple[Path, Path] | None]
"""Returns certificate and key that a client shows, by a folder and the right authority."""


def shows(client: Shows) -> Callable[[CallerScene], bool]:
    """Return an attempt to connect with a certificate."""

    def attempt(scene: CallerScene) -> bool:
        with TemporaryDirectory(prefix="gp-") as name:
            folder, bank = Path(name), authority(_NAME)
            trusted = folder / "authorities.pem"
            trusted.write_bytes(bank.pem)
            own = server_certificate(folder)
            is_off = OF_CERTIFICATES[0] in scene.without
            server = server_context(*own, None if is_off else trusted)
            reason = _handshake(server, _client(own[0], client(folder, bank)))
        if reason:
            scene.refusals.append(reason)
        return not reason

    return attempt


def _client(trusted: Path, shown: tuple[Path, Path] | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(trusted))
    if shown is not None:
        context.load_cert_chain(*shown)
    return context


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Return why the server refuses the client; empty if it takes a message from it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    is_sent = False
    for _ in range(10):
        try:
            one.do_handshake()
            is_sent = is_sent or bool(one.write(b"hello"))
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            return str(error)
        try:
            other.do_handshake()
            return "" if other.read(5) == b"hello" else "the client sent nothing"
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as error:
            return str(error)
    return "the handshake does not end"


def _of(other: str, folder: Path, _bank: Authority) -> tuple[Path, Path]:
    return authority(other).issue(folder, "client")


def _expired(folder: Path, bank: Authority) -> tuple[Path, Path]:
    return bank.issue(folder, "client", until=timedelta(days=-1))


def _of_server(folder: Path, bank: Authority) -> tuple[Path, Path]:
    return bank.issue(folder, "client", usage=ExtendedKeyUsageOID.SERVER_AUTH)


def _issued_by_client(folder: Path, bank: Authority) -> tuple[Path, Path]:
    """Return a certificate that a client of the bank issued, with the client's own behind it."""
    return bank.issue_through_client(folder)


def _itself(folder: Path, _bank: Authority) -> tuple[Path, Path]:
    return authority("client").written(folder)


ATTACKS = tuple(
    CallerAttack(name, OF_CERTIFICATES[0], shows(client))
    for name, client in (
        ("a client shows no certificate", lambda _folder, _bank: None),
        ("a client shows a certificate that it issued itself", _itself),
        ("a client shows a certificate of another authority", partial(_of, "another authority")),
        ("a client shows a certificate of another authority with the same name",
            partial(_of, _NAME)),
        ("a client shows a certificate that has expired", _expired),
        ("a client shows the certificate of a server", _of_server),
        ("a client shows a certificate that another client issued", _issued_by_client),
    )
)  # fmt: skip
