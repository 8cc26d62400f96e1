"""What a cluster changes on the machine that runs it, so that the end can undo and check it.

The kubelet sets parameters of the kernel, and the network plugin turns on forwarding. Both stay
after their programs ended. So do mounts, network namespaces, interfaces and control groups.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_KERNEL = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/ipv4/ip_forward",
    "net/ipv6/conf/all/forwarding",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
)
_FOLDERS = (
    "/etc/cni",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
)
"""Folders that these programs make outside of ours, whatever their settings say."""
_GROUPS = ("kubepods", "k8s.io", "system.slice/containerd.service")
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MachineState:
    """What there was before the cluster started."""

    kernel: dict[str, str]
    folders: frozenset[str]
    interfaces: frozenset[str]
    devices: frozenset[str]
    mounts: frozenset[str]

    @classmethod
    def read(cls) -> "MachineState":
        """Return the state of the machine now."""
        return cls(
            dict(_kernel_settings()),
            frozenset(folder for folder in _FOLDERS if Path(folder).exists()),
            frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            frozenset(path.name for path in Path("/dev").iterdir()),
            frozenset(mount_points()),
        )

    def restore(self) -> None:
        """Set the kernel back and remove the folders and control groups that were not there."""
        for name, value in self.kernel.items():
            setting = Path("/proc/sys") / name
            if setting.read_text("utf-8").strip() != value:
                setting.write_text(value, "utf-8")
        for folder in _FOLDERS:
            if folder not in self.folders:
                shutil.rmtree(folder, ignore_errors=True)
        for group in _own_groups():
            _remove_groups(group)

    def left_behind(self, folder: Path) -> tuple[str, ...]:
        """Name what is there now and was not before, and what still uses `folder`."""
        now = MachineState.read()
        changed = (name for name, value in self.kernel.items() if now.kernel.get(name) != value)
        return (
            *(f"kernel setting {name}" for name in changed),
            *(f"folder {name}" for name in sorted(now.folders - self.folders)),
            *(f"interface {name}" for name in sorted(now.interfaces - self.interfaces)),
            *(f"device {name}" for name in sorted(now.devices - self.devices)),
            *(f"device {name} is gone" for name in sorted(self.devices - now.devices)),
            *(f"mount {name}" for name in sorted(now.mounts - self.mounts)),
            *(f"mount {name} is gone" for name in sorted(self.mounts - now.mounts)),
            *(f"control group {group}" for group in _own_groups()),
            *(f"process {process}" for process in processes_in(folder)),
        )


def mount_points() -> Iterator[str]:
    """Yield every mount point of this process, the oldest first."""
    for line in Path("/proc/self/mounts").read_text("utf-8").splitlines():
        yield line.split(" ")[1]


def processes_in(folder: Path) -> Iterator[str]:
    """Yield id and command of each process that was started with a path below the folder."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (
                (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
        except OSError:
            continue  # It ended meanwhile.
        if f"{folder}/" in command:
            yield f"{entry.name} {command[-200:]}"


def _kernel_settings() -> Iterator[tuple[str, str]]:
    for name in _KERNEL:
        setting = Path("/proc/sys") / name
        if setting.exists():
            yield name, setting.read_text("utf-8").strip()


def _own_groups() -> list[Path]:
    """Return the control groups of the node: one for each controller in version 1."""
    roots = [_CGROUPS, *(path for path in _CGROUPS.iterdir() if path.is_dir())]
    return sorted(root / name for root in roots for name in _GROUPS if (root / name).is_dir())


def _remove_groups(group: Path) -> None:
    """Remove a control group and those below it; one with a process in it stays."""
    for path in sorted(group.rglob("*"), reverse=True):
        if path.is_dir():
            _remove_empty(path)
    _remove_empty(group)


def _remove_empty(group: Path) -> None:
    try:
        group.rmdir()
    except OSError:
        return  # A process is in it; `left_behind` names the group.
