"""How callers come in: the files of a listener."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """How callers come in, as files of this machine; all of them are read again on SIGHUP."""

    access: str = ""
    """File of bearer tokens and issuers; empty: everybody who reaches the address may ask."""
    certificate: str = ""
    """PEM file of what the gateway presents; empty: no TLS."""
    private_key: str = ""
    client_authorities: str = ""
    """PEM file of authorities; with it every client needs a certificate of theirs."""
