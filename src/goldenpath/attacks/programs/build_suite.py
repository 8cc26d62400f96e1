"""The suite `build`: what the programs of a project try while it is built.

The launcher has two layers for most things, so an attack can be refused twice. Therefore the suite
also runs on two machines that have less: one without Landlock and one without namespaces. There the
other layer alone refuses the attack, and switching it off shows that. If this machine itself has
less, the attacks that it cannot show are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from goldenpath.attacks.programs.backend_attacks import (
    BACKENDS,
    NEEDS,
    BackendAttack,
    uv_program,
)
from goldenpath.attacks.programs.build_attacks import (
    CALLS,
    CALLS_ONLY,
    FILES,
    OWN_NETWORK,
    OWN_PROCESSES,
    SECCOMP_ALONE,
    TRACING,
    WHOLE,
    WITHOUT_LANDLOCK,
    WITHOUT_NAMESPACES,
)
from goldenpath.attacks.programs.confined_trial import (
    AttackEffect,
    Needs,
    ProgramAttack,
    ProgramSandbox,
    split,
    trials,
)
from goldenpath.attacks.programs.process_bombs import BOMBS, ProcessBomb
from goldenpath.attacks.programs.source_attacks import SourceAttack, source_attacks
from goldenpath.processes.confinement import Sandbox, confine
from goldenpath.processes.sandbox.request import (
    LANDLOCK,
    NAMESPACES,
    NETWORK,
    PROCESSES,
    SECCOMP,
    VIEW,
)
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial, LeftOut

_TEMPORARY = 16
SingleAttack = SourceAttack | ProcessBomb | BackendAttack
"""An attack that is made alone, and not in one sandbox with the others."""


_NEEDS: Needs = {
    CALLS_ONLY: (frozenset({SECCOMP}),),
    FILES: (frozenset({VIEW}), frozenset({LANDLOCK})),
    OWN_NETWORK: (frozenset({NETWORK}),),
    # Without the namespace of processes there is no view either. Landlock then keeps the files.
    OWN_PROCESSES: (frozenset({PROCESSES, LANDLOCK}),),
    CALLS: (frozenset({SECCOMP}),),
    # Without a view there are no Unix sockets anyway.
    "own network without Landlock": (frozenset({NETWORK, VIEW}),),
    "own processes without Landlock": (frozenset({PROCESSES}),),
    "Landlock alone": (frozenset({LANDLOCK}),),
    "system calls alone": (frozenset({SECCOMP}),),
}
_SETTINGS = {
    "a training gives the kernel a map of its own": ("kernel/unprivileged_bpf_disabled", 0),
    "a training measures through the kernel": ("kernel/perf_event_paranoid", 2),
    "a training opens a ring of system calls": ("kernel/io_uring_disabled", 0),
    "a program without other measures reads the memory of another process": TRACING,
    "a program without other measures traces another process": TRACING,
}
"""The kernel refuses these attacks itself if a setting is higher."""


@dataclass(frozen=True, slots=True)
class BuildMachine:
    """One kind of machine, with the attacks that are made on it."""

    kind: ProgramSandbox
    attacks: tuple[ProgramAttack, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def controls(self) -> tuple[str, ...]:
        """Return the controls that can be switched off here."""
        return (*self.kind.measures, *self.kind.changes)

    def trials(self, without: frozenset[str]) -> Sequence[AttackTrial]:
        """Make every attack without some controls."""
        return trials(self.kind, self.attacks, without) if self.attacks else ()


def build_suite(lacking: frozenset[str] = frozenset()) -> AttackSuite:
    """Return the suite. Tests name measures that the machine is `lacking`.

    Raises `Unavailable` if no program can be started here.
    """
    machines = build_machines(lacking)
    programs = tuple(attack for machine in machines for attack in machine.attacks)
    sources, left_out = _single(lacking)
    of_programs = dict.fromkeys(attack.control for attack in programs)
    controls = tuple(of_programs | dict.fromkeys(attack.control for attack in sources))

    @cache
    def usual(number: int) -> Sequence[AttackTrial]:
        return machines[number].trials(frozenset())

    def every(without: frozenset[str]) -> list[AttackTrial]:
        trials_of_programs = [
            trial
            for number, machine in enumerate(machines)
            for trial in (
                machine.trials(without & {*machine.controls})
                if without & {*machine.controls}
                else usual(number)
            )
        ]
        return [*trials_of_programs, *(_trial(each, without) for each in sources)]

    left_out += tuple(each for machine in machines for each in machine.left_out)
    return AttackSuite("build", (*programs, *sources), controls, every, left_out)


def _single(
    lacking: frozenset[str],
) -> tuple[tuple[SingleAttack, ...], tuple[LeftOut, ...]]:
    """Return the attacks that are made one by one, and those that this machine cannot show."""
    present = set(confine(lacking).measures)
    left_out = []
    for each in BACKENDS:
        needed = set(NEEDS[each.control])
        if not uv_program():
            left_out.append(LeftOut(each.name, each.control, "this machine lacks uv"))
        elif lacking & needed or not needed & present:
            reason = f"this machine lacks {', '.join(sorted(needed - present)) or 'nothing'}"
            left_out.append(LeftOut(each.name, each.control, reason))
    absent = {each.attack for each in left_out}
    backends = (each for each in BACKENDS if each.name not in absent)
    return (*BOMBS, *backends, *source_attacks()), tuple(left_out)


def _trial(attack: SingleAttack, without: frozenset[str]) -> AttackTrial:
    reason = attack.refusal(without)
    return AttackTrial(not reason, {attack.control: reason} if reason else {})


def build_machines(lacking: frozenset[str] = frozenset()) -> tuple[BuildMachine, ...]:
    """Return this machine, and what it would be with less."""
    network: Mapping[str, Callable[[Sandbox], Sandbox]] = {
        OWN_NETWORK: lambda sandbox: replace(sandbox, network=True)
    }
    measures = {
        FILES: frozenset({VIEW, LANDLOCK}),
        OWN_PROCESSES: frozenset({PROCESSES, VIEW}),
        CALLS: frozenset({SECCOMP}),
    }
    weaker = {"own processes without Landlock": frozenset({PROCESSES, VIEW})}
    weakest = {
        "Landlock alone": frozenset({LANDLOCK}),
        "system calls alone": frozenset({SECCOMP}),
    }
    network_there = {"own network without Landlock": network[OWN_NETWORK]}
    return (
        _machine(lacking, measures, network, WHOLE),
        _machine(lacking | {LANDLOCK}, weaker, network_there, WITHOUT_LANDLOCK),
        _machine(lacking | {*NAMESPACES}, weakest, {}, WITHOUT_NAMESPACES),
        _machine(
            lacking | {*NAMESPACES, LANDLOCK},
            {CALLS_ONLY: frozenset({SECCOMP})},
            {},
            SECCOMP_ALONE,
        ),
    )


def _machine(
    lacking: frozenset[str],
    measures: Mapping[str, frozenset[str]],
    changes: Mapping[str, Callable[[Sandbox], Sandbox]],
    rows: Sequence[tuple[str, str, str, Callable[[AttackEffect], bool]]],
) -> BuildMachine:
    confinement = confine(lacking)
    kind = ProgramSandbox(confinement, _sandbox, measures, changes)
    every = tuple(ProgramAttack(*row) for row in rows)
    shown, left_out = split(every, confinement.measures, _NEEDS)
    refused = {each.name: _kernel_refusal(each.name) for each in shown}
    return BuildMachine(
        kind,
        tuple(each for each in shown if not refused[each.name]),
        (
            *left_out,
            *(
                LeftOut(each.name, each.control, refused[each.name])
                for each in shown
                if refused[each.name]
            ),
        ),
    )


def _kernel_refusal(attack: str) -> str:
    """Return why the kernel itself refuses an attack here; empty if it does not."""
    setting, largest = _SETTINGS.get(attack, ("", 0))
    try:
        value = int(Path("/proc/sys", setting).read_text()) if setting else 0
    except (OSError, ValueError):
        return ""  # a kernel without the setting
    name = setting.replace("/", ".")
    return (
        f"{name} is {value} on this machine, so the kernel refuses it itself"
        if (value > largest)
        else ""
    )


def _sandbox(folder: Path) -> Sandbox:
    """Return the sandbox of a training: its folder, and what it may read."""
    shared = folder.parent / "shared"
    return Sandbox(readable=(shared,), writable=(folder,), temporary=_TEMPORARY)
