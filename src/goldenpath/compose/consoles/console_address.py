"""The address on which a console listens."""

import ipaddress
import socket
from dataclasses import dataclass

from goldenpath.errors import InvalidInput, Unavailable


@dataclass(frozen=True, slots=True)
class ConsoleAddress:
    """An IP address and a port; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "ConsoleAddress":
        """Parse `HOST:PORT`. Raises `InvalidInput` for a name: only addresses are listened on."""
        host, _, port = text.rpartition(":")
        try:
            return cls(str(ipaddress.ip_address(host.strip("[]"))), int(port))
        except ValueError as error:
            raise InvalidInput(
                f"{text} is not an address of the console: expected an IP address and a port",
                hint="for example 127.0.0.1:8700",
            ) from error

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    def listener(self) -> socket.socket:
        """Return a socket that listens. Raises `Unavailable` if the port is taken."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            raise Unavailable(
                f"{self.text} cannot be listened on: {error.strerror}",
                hint="take another port, such as 0 for a free one",
            ) from error

    @property
    def text(self) -> str:
        """The address as in an URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(listener: socket.socket) -> str:
    """Return the address of a socket that listens, as in an URL."""
    host, port = listener.getsockname()[:2]
    return ConsoleAddress(host, port).text
