"""TLS of the listener, from TLS 1.2 on, and the errors of servers that have no trusted one."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from goldenpath.errors import GoldenPathError, InvalidInput, VerificationError
from goldenpath.http.listener_settings import ListenerSettings

HANDSHAKE_TIME = 10.0
"""Seconds within which a client must complete the handshake."""
_CURES = {
    9: "check the clock of this machine: the certificate is not valid yet",
    10: "renew the certificate of the server; if it is valid, check the clock of this machine",
    62: "use a name that the certificate lists, or get one that lists this name",
    64: "use a name that the certificate lists, or get one that lists this IP address",
}
"""By the codes of X509_verify_cert_error_string in OpenSSL."""
_UNKNOWN_AUTHORITY = "set GOLDENPATH_CA_FILE to the file of the authority that issued it"


def server_context(certificate: Path, key: Path, authorities: Path | None) -> ssl.SSLContext:
    """Return a TLS context; with `authorities` every client needs a certificate issued by them.

    Raises `InvalidInput` if a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise InvalidInput(f"{certificate} and {key} are no certificate: {error}") from error
    if authorities is not None:
        try:
            context.load_verify_locations(authorities)
        except OSError as error:
            raise InvalidInput(f"{authorities} holds no certificates: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(authorities: Path | None) -> ssl.SSLContext:
    """Return a TLS context of a client, which trusts `authorities` or those of the system.

    Raises `InvalidInput` if the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except OSError as error:
        raise InvalidInput(f"{authorities} holds no certificates: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Shown:
    """The listener's certificate, reloaded on demand while connections arrive."""

    def __init__(self, settings: ListenerSettings, report: Callable[[str], None]) -> None:
        """Raises `InvalidInput` if a file cannot be used."""
        self._settings = settings
        self._report = report
        self.context: ssl.SSLContext | None = None
        """The TLS context of the listener; None without TLS."""
        self.renewed = 0
        """Number of times that a new certificate was loaded."""
        if settings.certificate:
            self.context = self._read()
            self._shown = self.context
            self.context.sni_callback = self._show
        elif settings.client_authorities:
            raise InvalidInput("clients can show certificates only to a server that has one")

    def reload(self) -> None:
        """Reload certificate and key; files that cannot be used are reported and change nothing."""
        if self.context is None:
            return
        try:
            # A new context: certificate and key change in two steps, and a handshake between
            # them would see a pair that does not match.
            self._shown = self._read()
        except GoldenPathError as error:
            self._report(f"not reloaded: {error.message}")
        else:
            self.renewed += 1

    def _show(self, connection: ssl.SSLObject, _name: str | None, _asked: ssl.SSLContext) -> None:
        connection.context = self._shown

    def _read(self) -> ssl.SSLContext:
        files = self._settings
        authorities = Path(files.client_authorities) if files.client_authorities else None
        return server_context(Path(files.certificate), Path(files.private_key), authorities)


def peer_name(certificate: object) -> str:
    """Return the name in a client's certificate, empty if there is none.

    The common name; else the first URI (workloads have a SPIFFE id); else the host name.
    """
    if not isinstance(certificate, dict):
        return ""
    pairs = [pair for part in certificate.get("subject", ()) for pair in part]
    pairs += certificate.get("subjectAltName", ())
    for kind in ("commonName", "URI", "DNS"):
        for name, value in pairs:
            if name == kind and value:
                return str(value)[:256]
    return ""


def certificate_fault(server: str, error: BaseException) -> VerificationError | None:
    """Return the error for a server whose certificate does not verify; None for other failures.

    Libraries wrap the reason, so the causes of `error` are searched.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return VerificationError(
                f"{server} has no certificate that is trusted here: {cause.verify_message}",
                hint=_CURES.get(cause.verify_code, _UNKNOWN_AUTHORITY),
            )
    return None


def speaks_no_tls(error: BaseException) -> bool:
    """Whether the server answered a TLS handshake in another protocol, such as plain HTTP."""
    reasons = {getattr(cause, "reason", None) for cause in _causes(error)}
    return bool(reasons & {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what it wraps: urllib3 keeps that in `reason` or in `args`."""
    waiting: list[object] = [error]
    # A chain may lead back to itself; eight steps are more than any library makes.
    for _ in range(8):
        if not waiting:
            return
        cause = waiting.pop()
        if isinstance(cause, BaseException):
            yield cause
            waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]
