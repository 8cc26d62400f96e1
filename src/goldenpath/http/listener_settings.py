"""The files of a listener: access rules and TLS."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """The files of a listener on this machine; SIGHUP reloads all of them."""

    access: str = ""
    """File of bearer tokens and issuers; empty: everybody who reaches the address has access."""
    certificate: str = ""
    """PEM file of the server certificate; empty: no TLS."""
    private_key: str = ""
    client_authorities: str = ""
    """PEM file of client authorities; with it every client needs a certificate that they issued."""
