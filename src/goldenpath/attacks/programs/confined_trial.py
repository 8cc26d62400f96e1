"""Runs the attacks of a suite in one sandbox, and looks at their effects from outside.

Each attack is Python code that runs as a process in the sandbox. It never says whether it
succeeded: that is seen in what it got hold of, in files, at servers, or in what the kernel shows
about its process.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldenpath.attacks.programs.target_machine import TargetMachine, target_machine
from goldenpath.errors import Unavailable
from goldenpath.processes.confinement import Confinement, Sandbox, interpreter_files
from goldenpath.release.attacks.suite import AttackTrial, LeftOut

_PROGRAM = Path(__file__).with_name("hostile_program.py")
END = -1
"""The number of the report after the last attack."""
_START = 60.0
"""Seconds within which all attacks are made."""
_GRACE = 1.0
"""Seconds after which a process has outlived its program."""


@dataclass(frozen=True, slots=True)
class AttackEffect:
    """One attack once it was made, as seen from outside."""

    machine: TargetMachine
    process: int
    """Process id outside the sandbox; 0 if it has ended."""
    gained: tuple[str, ...]
    error: str
    outlived: bool = False

    def link(self, path: str) -> str:
        """Return the target of a link in `/proc` of the process."""
        try:
            return str(Path(f"/proc/{self.process}/{path}").readlink())
        except OSError:
            return ""

    def holds(self, kind: str) -> bool:
        """Return whether the process has an open file of this kind."""
        try:
            files = list(Path(f"/proc/{self.process}/fd").iterdir())
        except OSError:
            return False
        return any(kind in self.link(f"fd/{file.name}") for file in files)

    def inside(self, name: str) -> Path:
        """Return a file of the program's folder, as the process sees it."""
        return Path(f"/proc/{self.process}/root{self.machine.folder}/mine/{name}")

    def status(self, name: str) -> str:
        """Return a field of `/proc/PID/status`; empty if the process has ended."""
        try:
            text = Path(f"/proc/{self.process}/status").read_text()
        except OSError:
            return ""
        return text.partition(f"\n{name}:")[2].partition("\n")[0].strip()

    def numbers(self) -> list[str]:
        """Return the fields of `/proc/PID/stat` after the name; none if the process has ended."""
        try:
            text = Path(f"/proc/{self.process}/stat").read_text()
        except OSError:
            return []
        return text.rpartition(")")[2].split()

    @property
    def has_secret(self) -> bool:
        """Whether the attacker got hold of the secret."""
        return any(self.machine.secret in text for text in self.gained)


@dataclass(frozen=True, slots=True)
class ProgramAttack:
    """Code that an attacker runs, and the control that has to refuse it."""

    name: str
    control: str
    code: str
    has_succeeded: Callable[[AttackEffect], bool]


@dataclass(frozen=True, slots=True)
class ProgramSandbox:
    """What confines a kind of programs, and how each control is switched off."""

    confinement: Confinement
    sandbox: Callable[[Path], Sandbox]
    """The sandbox of a program whose folder this is."""
    measures: Mapping[str, frozenset[str]]
    """By control, the measures that are left out without it."""
    changes: Mapping[str, Callable[[Sandbox], Sandbox]]
    """By control, the sandbox without it."""

    def command(self, command: Sequence[str], folder: Path, without: frozenset[str]) -> list[str]:
        """Return the command that runs a program without some controls."""
        left_out = frozenset[str]().union(*(self.measures.get(name, ()) for name in without))
        kept = tuple(name for name in self.confinement.measures if name not in left_out)
        sandbox = self.sandbox(folder)
        for name in without & self.changes.keys():
            sandbox = self.changes[name](sandbox)
        sandbox = replace(
            sandbox,
            readable=(*sandbox.readable, _PROGRAM, *interpreter_files(_python())),
        )
        confinement = replace(self.confinement, measures=kept)
        return confinement.command(command, sandbox, folder)


Needs = Mapping[str, tuple[frozenset[str], ...]]
"""By control, the measures that a machine needs to show it. Any one of the sets is enough."""


def split(
    attacks: Sequence[ProgramAttack], present: Collection[str], needs: Needs
) -> tuple[tuple[ProgramAttack, ...], tuple[LeftOut, ...]]:
    """Return the attacks that a machine with these measures shows, and those that are left out."""
    lacking = {control: _lacking(ways, present) for control, ways in needs.items()}
    kept = tuple(each for each in attacks if not lacking[each.control])
    left_out = tuple(
        LeftOut(each.name, each.control, f"this machine lacks {lacking[each.control]}")
        for each in attacks
        if lacking[each.control]
    )
    return kept, left_out


def _lacking(ways: Sequence[frozenset[str]], present: Collection[str]) -> str:
    """Return what would have to be there; empty if one of the ways is there."""
    absent = [", ".join(sorted(way - set(present))) for way in ways]
    return "" if "" in absent else " and ".join(absent)


def trials(
    kind: ProgramSandbox, attacks: Sequence[ProgramAttack], without: frozenset[str]
) -> list[AttackTrial]:
    """Make every attack in one sandbox without some controls. Raises `Unavailable`."""
    with target_machine() as machine:
        request = {"attacks": [each.code for each in attacks], "names": machine.names}
        program = [str(_python()), "-I", "-S", str(_PROGRAM), json.dumps(request)]
        command = kind.command(program, machine.folder / "mine", without)
        with subprocess.Popen(
            command,
            env={"PATH": os.defpath},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                return _judged(machine, process, attacks)
            finally:
                process.kill()


def _judged(
    machine: TargetMachine, process: "subprocess.Popen[bytes]", attacks: Sequence[ProgramAttack]
) -> list[AttackTrial]:
    """Look at the effects while the processes live, and once more after the launcher's end."""
    reports = _reports(process, len(attacks))
    outside = descendants(process.pid)
    effects = [_effect(machine, report, outside) for report in reports]
    early = [each.has_succeeded(effect) for each, effect in zip(attacks, effects, strict=True)]
    process.kill()
    process.wait()
    survivors = _survivors([effect.process for effect in effects])
    late = [replace(effect, outlived=effect.process in survivors) for effect in effects]
    for survivor in survivors:
        os.kill(survivor, signal.SIGKILL)
    return [
        _trial(attack, effect, succeeded=was or attack.has_succeeded(effect))
        for attack, effect, was in zip(attacks, late, early, strict=True)
    ]


def _trial(attack: ProgramAttack, effect: AttackEffect, *, succeeded: bool) -> AttackTrial:
    if succeeded:
        return AttackTrial(True, {})
    return AttackTrial(False, {attack.control: effect.error or "it had no effect outside"})


def _reports(process: "subprocess.Popen[bytes]", number: int) -> list[Mapping[str, object]]:
    """Return the report of each attack, in their order. Raises `Unavailable` if one is missing."""
    if process.stdout is None:
        raise TypeError("the program was started without pipes")
    reports: dict[int, Mapping[str, object]] = {}
    content, deadline = b"", time.monotonic() + _START
    while END not in reports:
        ready, _, _ = select.select([process.stdout], [], [], deadline - time.monotonic())
        piece = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not piece:
            raise Unavailable("the program of the attacks did not come to its end")
        *lines, content = (content + piece).split(b"\n")
        for line in lines:
            report = json.loads(line)
            reports[report["number"]] = report
    if len(reports) <= number:
        raise Unavailable(f"only {len(reports) - 1} of {number} attacks were made")
    return [reports[each] for each in range(number)]


def _effect(
    machine: TargetMachine, report: Mapping[str, object], outside: Mapping[int, int]
) -> AttackEffect:
    gained, inside = report["gained"], report["process"]
    return AttackEffect(
        machine,
        outside.get(inside, 0) if isinstance(inside, int) else 0,
        tuple(map(str, gained)) if isinstance(gained, list) else (),
        str(report["error"]),
    )


def descendants(launcher: int) -> dict[int, int]:
    """Return the process ids of the descendants of the launcher, by those of the sandbox."""
    counts: dict[int, int] = {}
    waiting = [launcher]
    while waiting:
        process = waiting.pop()
        try:
            status = Path(f"/proc/{process}/status").read_text()
            children = Path(f"/proc/{process}/task/{process}/children").read_text()
        except OSError:
            continue
        (identities,) = (line for line in status.splitlines() if line.startswith("NSpid:"))
        counts[int(identities.split()[-1])] = process
        waiting += map(int, children.split())
    return counts


def _survivors(processes: Sequence[int]) -> list[int]:
    """Return the processes that live on for a while."""
    deadline = time.monotonic() + _GRACE
    alive = [process for process in processes if process]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if _is_alive(process)]
    return alive


def _is_alive(process: int) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def _python() -> Path:
    return Path(sys.executable).resolve()
