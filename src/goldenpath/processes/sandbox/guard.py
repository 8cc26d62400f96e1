"""Limits of a program with all of its processes, enforced by looking from outside.

The launcher looks many times a second, and kills everything at the first excess. Between two looks
a program can have more. Threads count like processes, because both take numbers of the kernel.
Memory is what processes hold privately and share among themselves, shared pages once. Files that
they map do not count.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from goldenpath.processes.sandbox.request import Request

LOOK = 0.1
"""Seconds between two looks."""
_MIB = 1024  # in the unit of /proc
_RESIDENT = (b"RssAnon:", b"RssShmem:")
_SHARED_ONCE = (b"Pss_Anon:", b"Pss_Shmem:")


def excess(root: int, request: Request) -> str:
    """Return which limit the descendants of `root` exceed; empty if none."""
    tasks, processes = 0, []
    waiting = [root]
    while waiting:
        process = waiting.pop()
        try:
            threads = os.listdir("/proc/" + str(process) + "/task")
        except OSError:
            continue  # it has ended
        tasks += len(threads)
        if request.most_tasks and tasks > request.most_tasks:
            return "it had more than " + str(request.most_tasks) + " processes and threads"
        processes.append(process)
        for thread in threads:
            waiting += _numbers("/proc/" + str(process) + "/task/" + thread + "/children")
    if request.most_memory and _holds_more(processes, request.most_memory * _MIB):
        return "its processes held more than " + str(request.most_memory) + " MiB together"
    return ""


def _holds_more(processes: list[int], limit: int) -> bool:
    """Return whether processes hold more than `limit` KiB together."""
    quick = {each: _sum("/proc/" + str(each) + "/status", _RESIDENT) for each in processes}
    if sum(quick.values()) <= limit:
        return False
    # Pages that forked processes share count once. That takes longer to find out, and a process
    # can forbid it: then all that it holds counts.
    exact = {each: _sum("/proc/" + str(each) + "/smaps_rollup", _SHARED_ONCE) for each in processes}
    return sum(exact[each] or quick[each] for each in processes) > limit


def _sum(path: str, names: tuple[bytes, ...]) -> int:
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))


def _numbers(path: str) -> list[int]:
    try:
        with open(path, "rb") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []
