"""Limits of control groups of both versions, as containers and services see them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from goldenpath.processes.cgroup import UNLIMITED, CgroupLimits, cgroup_limits

GIB = 1 << 30


def _limits(folder: Path, groups: str, files: Mapping[str, str]) -> CgroupLimits:
    for name, content in files.items():
        path = folder / "fs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    own = folder / "cgroup"
    own.write_text(groups)
    return cgroup_limits(folder / "fs", own)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000", "memory.max": str(GIB)}, CgroupLimits(1.5, GIB)),
        ("0::/\n", {"cpu.max": "max 100000", "memory.max": "max"}, UNLIMITED),
        (
            "0::/pods/a\n",
            {"pods/memory.max": str(GIB), "pods/a/memory.max": str(2 * GIB), "cpu.max": "x y"},
            CgroupLimits(None, GIB),
        ),
        (
            "4:memory:/docker/a\n1:cpu,cpuacct:/docker/a\n",
            {
                "memory/docker/a/memory.limit_in_bytes": str(GIB),
                "cpu,cpuacct/docker/a/cpu.cfs_quota_us": "50000",
                "cpu,cpuacct/docker/a/cpu.cfs_period_us": "100000",
            },
            CgroupLimits(0.5, GIB),
        ),
        # A container sees its own group as the root, and the path of its machine.
        (
            "4:memory:/docker/a\n1:cpu:/docker/a\n",
            {
                "memory/memory.limit_in_bytes": str(GIB),
                "cpu/cpu.cfs_quota_us": "200000",
                "cpu/cpu.cfs_period_us": "100000",
            },
            CgroupLimits(2.0, GIB),
        ),
        (
            "4:memory:/\n1:cpu:/\n",
            {
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
            },
            UNLIMITED,
        ),
        # Version 2 beside version 1.
        ("0::/a\n", {"unified/a/memory.max": "1000"}, CgroupLimits(None, 1000)),
        ("0::/../../b\n", {"b/memory.max": "1000"}, CgroupLimits(None, 1000)),
        ("", {}, UNLIMITED),
    ],
)
def test_the_smallest_limit_above_a_process_counts(
    tmp_path: Path, groups: str, files: Mapping[str, str], expected: CgroupLimits
) -> None:
    assert _limits(tmp_path, groups, files) == expected


def test_half_a_processor_still_runs_one_thread() -> None:
    assert CgroupLimits(0.5).threads == 1
    assert CgroupLimits(2.9).threads == 2
    assert UNLIMITED.threads is None


def test_the_limits_of_this_process_can_be_read() -> None:
    limits = cgroup_limits()

    assert limits.cpus is None or limits.cpus > 0
    assert limits.memory is None or limits.memory > 1 << 20
