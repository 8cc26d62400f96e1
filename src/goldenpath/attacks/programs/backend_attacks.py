"""The build backend of a project, which uv runs when it compares the lock: real uv, real backend.

What the backend got hold of is in what uv prints. The files and the network that such a call of uv
has are values, so the controls are switched off there.
"""

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.attacks.programs.target_machine import TargetMachine, target_machine
from goldenpath.processes.confinement import Confinement, confine
from goldenpath.processes.sandbox.request import LANDLOCK, NETWORK, VIEW
from goldenpath.train.environment.uv_program import Uv

BACKEND_FILES, BACKEND_NETWORK = BACKEND_CONTROLS = (
    "files of a build backend", "network of a build backend",
)  # fmt: skip
_BACKEND = """
import json, os, socket, sys
names = json.loads({names!r})
gained = []
def attempt(key, project, tcp, udp, mark):
{code}
try:
    attempt(**names)
except OSError:
    pass
raise SystemExit("BACKEND " + " ".join(gained))
"""
_PROJECT = """
[project]
name = "my-model"
version = "0.1.0"
requires-python = ">=3.11"
dynamic = ["dependencies"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
_LOCK = """
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "my-model"
version = "0.1.0"
source = { editable = "." }
"""


@dataclass(frozen=True, slots=True)
class BackendAttack:
    """What a build backend tries."""

    name: str
    control: str
    code: str
    has_succeeded: Callable[[TargetMachine, str], bool]
    """Whether it succeeded, by the machine and by what uv printed."""

    def refusal(self, without: frozenset[str]) -> str:
        """Return why the backend got nothing; empty if it got something."""
        return _refusal(self, self.control in without)


@cache
def _refusal(attack: BackendAttack, is_off: bool) -> str:
    """Let uv run the backend once with the control and once without."""
    with target_machine() as machine, TemporaryDirectory(prefix="gp-") as name:
        root = Path(name) / "project"
        root.mkdir()
        (root / "pyproject.toml").write_text(_PROJECT)
        (root / "uv.lock").write_text(_LOCK)
        (root / "backend.py").write_text(_written(attack, machine))
        measures = confine()
        if is_off and attack.control == BACKEND_FILES:
            measures = _without_files(measures)
        is_connected = is_off and attack.control == BACKEND_NETWORK
        uv = Uv(uv_program(), {"PATH": "/usr/bin:/bin", "HOME": name}, measures)
        words = ("lock", "--check", "--offline", "--no-config")
        done = uv.check(words, root, network=is_connected)
        printed = f"{done.stdout}{done.stderr}"
        if attack.has_succeeded(machine, printed):
            return ""
    if "BACKEND" not in printed:
        return ""  # a backend that did not run was not refused
    return "it ran, and what it tried had no effect"


def _without_files(confinement: Confinement) -> Confinement:
    kept = tuple(each for each in confinement.measures if each not in (VIEW, LANDLOCK))
    return replace(confinement, measures=kept)


def _written(attack: BackendAttack, machine: TargetMachine) -> str:
    import json

    known = {name: machine.names[name] for name in ("key", "project", "tcp", "udp", "mark")}
    code = "\n".join(f"    {line}" for line in attack.code.splitlines())
    return _BACKEND.format(names=json.dumps(known), code=code)


def uv_program() -> str:
    """Return the program uv, or an empty text if this machine has none."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv") or ""


def _has_secret(machine: TargetMachine, printed: str) -> bool:
    return machine.secret in printed


def _is_changed(path: str, machine: TargetMachine, _: str) -> bool:
    return machine.is_changed(path)


def _is_received(server: str, content: bytes, machine: TargetMachine, _: str) -> bool:
    return machine.received(server, content)


def _sends(kind: str, port: str, content: str) -> str:
    return (
        f"with socket.socket(socket.AF_INET, socket.{kind}) as made:\n"
        f"    made.settimeout(2)\n    made.connect(('127.0.0.1', {port}))\n"
        f"    made.send({content.encode()!r})"
    )


_MARKS = tuple(secrets.token_hex(4) for _ in range(2))
NEEDS = {BACKEND_FILES: (VIEW, LANDLOCK), BACKEND_NETWORK: (NETWORK,)}
"""By control the measures of which a machine needs one to show it."""
BACKENDS = (
    BackendAttack("a build backend reads a key", BACKEND_FILES,
        "gained.append(open(key).read())", _has_secret),
    BackendAttack("a build backend reads a key through its own process", BACKEND_FILES,
        "gained.append(open('/proc/self/root' + key).read())", _has_secret),
    BackendAttack("a build backend writes the configuration of git", BACKEND_FILES,
        "open(project + '/.git/config', 'a').write('[core] fsmonitor = x')",
        partial(_is_changed, "project/.git/config")),
    BackendAttack("a build backend connects to a server", BACKEND_NETWORK,
        _sends("SOCK_STREAM", "tcp", _MARKS[0]),
        partial(_is_received, "tcp", _MARKS[0].encode())),
    BackendAttack("a build backend sends a datagram", BACKEND_NETWORK,
        _sends("SOCK_DGRAM", "udp", _MARKS[1]),
        partial(_is_received, "udp", _MARKS[1].encode())),
)  # fmt: skip
