"""The secrets with which this machine sends alarms: files that only their owner may read.

A file is named like its channel: `STAGE.NAME`. It holds the shared secret of a webhook, the
password of a mail account, or the bearer token of an Alertmanager.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from goldenpath.audit.alarms.cloud_event import hmac_secret, machine_key
from goldenpath.errors import InvalidInput, NotFound
from goldenpath.home import Home
from goldenpath.parsers.typed import read_bounded

KEY = "ed25519.pem"
"""The machine's key for webhooks; its public half is beside it."""
_MOST = 16 * 1024


@dataclass(frozen=True, slots=True)
class ChannelSecrets:
    """The secrets of all channels, in one folder."""

    folder: Path

    def text(self, channel: str) -> str:
        """Return the secret of a channel; empty if it has none.

        Raises `InvalidInput` if other users may read the file.
        """
        path = self.folder / channel
        try:
            content = read_bounded(path, _MOST)
            mode = path.stat().st_mode
        except FileNotFoundError:
            return ""
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InvalidInput(f"other users may read {path}", hint=f"chmod 600 {path}")
        try:
            return content.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path} is not text") from error

    def webhook(self, channel: str, signature: str) -> "bytes | Ed25519PrivateKey":
        """Return what signs the events of a channel.

        Raises `NotFound` if the shared secret is absent: nothing is ever sent unsigned.
        """
        path = self.folder / channel
        if signature == "ed25519":
            return machine_key(self.folder / KEY)
        text = self.text(channel)
        if not text:
            raise NotFound(
                f"the webhook {channel} has no secret: expected it in {path}",
                hint="write 24 or more random bytes in base64 there, and give them to the receiver",
            )
        return hmac_secret(text, str(path))


def secrets_folder(home: Home, named: str) -> Path:
    """Return the folder of the channels' secrets: the named one, else one below the keys."""
    return Path(named) if named else home.keys / "alarms"
