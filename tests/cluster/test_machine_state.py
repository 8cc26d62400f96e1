"""What a cluster leaves on the machine."""

from dataclasses import replace
from pathlib import Path

from cluster.machine_state import MachineState


def test_a_machine_on_which_nothing_happened_has_nothing_left_on_it(tmp_path: Path) -> None:
    before = MachineState.read()

    before.restore()

    assert before.left_behind(tmp_path) == ()


def test_what_came_and_what_went_is_named(tmp_path: Path) -> None:
    now = MachineState.read()
    before = replace(
        now,
        kernel={**now.kernel, "vm/panic_on_oom": "7"},
        interfaces=now.interfaces - {"lo"},
        devices=now.devices - {"null"} | {"gone"},
        mounts=now.mounts - {"/proc"},
    )

    assert before.left_behind(tmp_path) == (
        "kernel setting vm/panic_on_oom",
        "interface lo",
        "device null",
        "device gone is gone",
        "mount /proc",
    )
