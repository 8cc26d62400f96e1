"""What attacks aim at: files, a process with a secret, and servers, all made for one trial."""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_VICTIM = """
import ctypes, json, os, sys
sys.path.insert(0, sys.argv[1])
from goldenpath.processes.sandbox import kernel
kernel.drop_capabilities()  # as a process of an ordinary user
kept = os.environ["SECRET"].encode()
kept = (b"kept in memory " + kept)
address = ctypes.cast(ctypes.c_char_p(kept), ctypes.c_void_p).value
print(json.dumps([address, len(kept)]), flush=True)
sys.stdin.read()
"""
_SOURCE = str(Path(__file__).parents[3])


@dataclass(frozen=True, slots=True)
class TargetMachine:
    """The targets, as seen from outside the sandbox."""

    folder: Path
    secret: str
    """Stands in the key and in the other process; nobody can guess it."""
    victim: "subprocess.Popen[str]"
    address: int
    servers: Mapping[str, socket.socket]
    before: Mapping[str, tuple[object, ...] | None]
    """The files with content, mode, owner and time before the attacks."""

    @property
    def names(self) -> dict[str, object]:
        """The values that attacks use."""
        return {
            "key": str(self.folder / "keys" / "release.pem"),
            "project": str(self.folder / "project"),
            "shared": str(self.folder / "shared"),
            "mine": str(self.folder / "mine"),
            "victim": self.victim.pid,
            "address": self.address,
            "length": len(self.secret) + 15,
            "tcp": self.servers["tcp"].getsockname()[1],
            "udp": self.servers["udp"].getsockname()[1],
            "abstract": self.abstract,
            "unix": str(self.folder / "unix"),
            "mark": self.secret[:8],
        }

    @property
    def abstract(self) -> str:
        """The name of the abstract socket, without its first byte."""
        return f"goldenpath-{self.folder.name}"

    def is_changed(self, path: str) -> bool:
        """Return whether content, mode, owner or time of a file changed, or whether it is new."""
        return _state(self.folder / path) != self.before.get(path)

    def received(self, server: str, content: bytes) -> bool:
        """Return whether a client sent this to a server."""
        listening = self.servers[server]
        with suppress(BlockingIOError):
            while True:
                if listening.type == socket.SOCK_DGRAM:
                    data = listening.recv(100)
                else:
                    with listening.accept()[0] as connection:
                        connection.settimeout(2)
                        data = connection.recv(100)
                if data == content:
                    return True
        return False


@contextmanager
def target_machine() -> Iterator[TargetMachine]:
    """Make the targets, and remove them at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="gp-")))
        secret = secrets.token_hex(16)
        files = _files(folder, secret)
        victim = stack.enter_context(_victim(secret))
        if victim.stdout is None:
            raise TypeError("the process was started without pipes")
        address = int(json.loads(victim.stdout.readline())[0])
        servers = {
            "tcp": socket.create_server(("127.0.0.1", 0)),
            "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "abstract": socket.socket(socket.AF_UNIX),
            "unix": socket.socket(socket.AF_UNIX),
        }
        for server in servers.values():
            stack.enter_context(server)
            server.setblocking(False)
        servers["udp"].bind(("127.0.0.1", 0))
        servers["abstract"].bind(f"\0goldenpath-{folder.name}")
        servers["unix"].bind(str(folder / "unix"))
        servers["abstract"].listen()
        servers["unix"].listen()
        before = {path: _state(folder / path) for path in files}
        yield TargetMachine(folder, secret, victim, address, servers, before)


def _files(folder: Path, secret: str) -> tuple[str, ...]:
    contents = {
        "keys/release.pem": secret,
        "project/.git/config": "[core]\n",
        "project/model.py": "weights = 1\n",
        "shared/data.csv": "a,b\n",
        "mine/notes": "",
        "mine/times": "",
        "mine/owner": "",
        "mine/mode": "",
    }
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
        (folder / path).chmod(0o600)
    return tuple(contents)


def _state(path: Path) -> tuple[object, ...] | None:
    try:
        status = path.lstat()
        content = path.read_bytes()
    except OSError:
        return None
    try:
        attributes = tuple(os.listxattr(path))
    except OSError:
        attributes = ()
    return (content, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns, attributes)


@contextmanager
def _victim(secret: str) -> "Iterator[subprocess.Popen[str]]":
    command = [sys.executable, "-I", "-S", "-c", _VICTIM, _SOURCE]
    with subprocess.Popen(
        command, env={"SECRET": secret}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
