"""The processor and memory that the kernel allows this process, from its control groups.

A container sees every processor and all memory of its machine. What it may use stands in the files
of its group and of the groups above: `cpu.max` and `memory.max` in version 2, quota and limit files
in version 1. The smallest of them counts.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ENDLESS = 1 << 60
"""Version 1 has no word for "no limit", but a number near 2**63."""
_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class CgroupLimits:
    """The limits of this process; None: there is no limit."""

    cpus: float | None = None
    memory: int | None = None
    """Bytes."""

    @property
    def threads(self) -> int | None:
        """The most threads that can run at the same time, at least one."""
        return None if self.cpus is None else max(1, int(self.cpus))


UNLIMITED = CgroupLimits()


def cgroup_limits(root: Path = _ROOT, own: Path = _OWN) -> CgroupLimits:
    """Return the limits of this process. A file that cannot be read is no limit that we know of."""
    cpus: list[float] = []
    memory: list[int] = []
    for controllers, path in _groups(own):
        if controllers == "":  # version 2, alone or beside version 1
            for base in (root, root / "unified"):
                for folder in _upwards(base, path):
                    cpus += _cpus_of(_text(folder / "cpu.max").split())
                    memory += _bytes_of(_text(folder / "memory.max"))
        if "cpu" in controllers.split(","):
            for base in (root / "cpu", root / controllers):
                for folder in _upwards(base, path):
                    quota = _text(folder / "cpu.cfs_quota_us")
                    cpus += _cpus_of([quota, _text(folder / "cpu.cfs_period_us")])
        if "memory" in controllers.split(","):
            for folder in _upwards(root / "memory", path):
                memory += _bytes_of(_text(folder / "memory.limit_in_bytes"))
    return CgroupLimits(min(cpus, default=None), min(memory, default=None))


def _groups(own: Path) -> Iterator[tuple[str, str]]:
    """Yield the controllers and the path of each group, from lines such as `4:memory:/a/b`."""
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        yield controllers, path


def _upwards(base: Path, path: str) -> Iterator[Path]:
    """Yield the folders of a group and of those above it.

    A container may see its own group as the root, while the path names it from the machine's root.
    """
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    for length in range(len(parts), -1, -1):
        yield base.joinpath(*parts[:length])


def _cpus_of(fields: list[str]) -> list[float]:
    if len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit() and int(fields[1]):
        return [int(fields[0]) / int(fields[1])]
    return []


def _bytes_of(text: str) -> list[int]:
    return [int(text)] if text.isdigit() and int(text) < _ENDLESS else []


def _text(path: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text("ascii").strip()
    return ""
