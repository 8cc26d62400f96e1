"""Sockets that killed servers left behind."""

import socket
from contextlib import suppress
from pathlib import Path


def remove_stale(folder: Path) -> None:
    """Remove every socket in a folder on which nobody listens. Never fails."""
    with suppress(OSError):
        for path in folder.glob("*.sock"):
            with suppress(OSError):
                if not _is_heard(path):
                    path.unlink()


def _is_heard(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True
