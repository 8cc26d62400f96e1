"""Starts one foreign program in its sandbox: `python -I -S -c … REQUEST`, with our interpreter.

Every foreign instruction runs confined, because nothing foreign is loaded before `execve`. The
launcher applies the measures of its request, or exits with status 125 and starts nothing.

With a PID namespace there are three processes. The launcher waits outside. The first process of
the namespace waits inside; the kernel kills every process of the namespace when it ends, and it
ends with the launcher. The program is the third. Without a namespace the launcher adopts the
orphans of the program, and kills them at its end.
"""

from __future__ import annotations

import os
import resource
import struct
import sys
import time

from goldenpath.processes.sandbox import kernel, landlock, mounts, seccomp
from goldenpath.processes.sandbox.request import (
    IPC,
    LANDLOCK,
    NETWORK,
    PROCESSES,
    REFUSED_START,
    SECCOMP,
    USER,
    VIEW,
    Request,
    parse,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_FLAGS = {
    USER: kernel.CLONE_NEWUSER,
    PROCESSES: kernel.CLONE_NEWPID,
    NETWORK: kernel.CLONE_NEWNET,
    IPC: kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS,
}
_STATUS = struct.Struct("<i")
_INTERNET, _DATAGRAM, _SIOCSIFFLAGS, _UP = 2, 2, 0x8914, 0x41
_POLLERR, _POLLHUP = 8, 16
_SIGKILL, _SIGTERM = 9, 15
_ERRORS = 2
_LONGEST_END = 5.0
"""Seconds that the launcher tries to kill what a program left, without a PID namespace."""


def main() -> NoReturn:
    """Start the program of the request, and end as it ended."""
    request = parse(sys.argv[2:])
    try:
        status = _run(request)
    except OSError as error:
        _refuse(error)
    if status < 0:
        _end_by(-status)
        status = 128 - status
    os._exit(status)


def _end_by(number: int) -> None:
    """End by the same signal, so that the parent sees how the program ended."""
    import signal  # late, because it takes a while and the program runs by now

    # A core dump of the launcher would say nothing about the program.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        signal.signal(number, signal.SIG_DFL)
    except (OSError, ValueError):
        pass  # SIGKILL has no handler to take away
    os.kill(os.getpid(), number)


def _run(request: Request) -> int:
    """Return the exit status of the program; minus the signal's number if one ended it."""
    if request.first_to_kill:
        _write("/proc/self/oom_score_adj", "1000")
    _enter_namespaces(request)
    kernel.call("prctl", kernel.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # After the namespaces: a change of privileges takes this back.
    kernel.call("prctl", kernel.PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    # The parent may have died before the kernel knew that we die with it.
    if os.getppid() != request.parent:
        os._exit(REFUSED_START)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            _inside(request, writer)
        except OSError as error:
            _refuse(error)
    os.close(writer)
    _kill_on_request(child)
    is_guarded = bool(request.most_tasks or request.most_memory)
    _let_go(reader, *([_ERRORS] if is_guarded else []))
    ended = _guarded(child, request) if is_guarded else os.waitpid(child, 0)[1]
    status = os.waitstatus_to_exitcode(ended)
    reported = os.read(reader, _STATUS.size)
    if PROCESSES not in request.measures:
        _kill_orphans()
    return _STATUS.unpack(reported)[0] if len(reported) == _STATUS.size else status


def _guarded(child: int, request: Request) -> int:
    """Wait for the program, and end it if it exceeds a limit. Returns its status."""
    import signal  # late, because it takes a while and the program runs by now

    from goldenpath.processes.sandbox import guard

    try:
        # Thousands of processes must not keep us from looking. Only root may do that.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass
    # A blocked signal wakes the wait at once; the program has its own mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    look, is_ended = time.monotonic() + guard.LOOK, False
    while True:
        process, status = os.waitpid(child, os.WNOHANG)
        if process:
            return status
        signal.sigtimedwait({signal.SIGCHLD}, guard.LOOK)
        if is_ended or time.monotonic() < look:
            continue
        reason = guard.excess(child, request)
        look = time.monotonic() + guard.LOOK
        if reason:
            is_ended = True
            os.write(_ERRORS, f"the program was ended: {reason}\n".encode())
            os.kill(child, _SIGKILL)


def _kill_on_request(child: int) -> None:
    import signal  # late, because it takes a while and the program runs by now

    signal.signal(_SIGTERM, lambda *_: os.kill(child, _SIGKILL))


def _enter_namespaces(request: Request) -> None:
    flags, user, group = 0, os.geteuid(), os.getegid()
    for measure in request.measures:
        flags |= _FLAGS.get(measure, 0)
    if flags:
        kernel.call("unshare", flags)
    if USER in request.measures:
        # Without it the kernel takes no map of groups from a user without rights
        # (user_namespaces(7)).
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _inside(request: Request, writer: int) -> NoReturn:
    """Go on as the first process of the namespaces."""
    if NETWORK in request.measures:
        _start_loopback()
    if VIEW in request.measures:
        # Not together with the others: the launcher outside keeps the files of the machine.
        kernel.call("unshare", kernel.CLONE_NEWNS)
        mounts.enter(request)
    if PROCESSES not in request.measures:
        kernel.call("prctl", kernel.PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        _execute(request)
    kernel.call("prctl", kernel.PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if _is_left_alone(writer):
        os._exit(REFUSED_START)
    program = os.fork()
    if program == 0:
        os.close(writer)
        try:
            _execute(request)
        except OSError as error:
            _refuse(error)
    kernel.drop_capabilities()
    # The program has the same user, and could otherwise read this process through /proc.
    kernel.call("prctl", kernel.PR_SET_DUMPABLE, 0, 0, 0, 0)
    _let_go(writer)
    while True:
        process, status = os.wait()
        if process == program:
            break
    os.write(writer, _STATUS.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _execute(request: Request) -> NoReturn:
    """Become the program: limits, privileges, files, system calls, in that order."""
    for limit in request.limits:
        name, _, value = limit.partition(" ")
        kind, most = getattr(resource, name), int(value)
        hard = resource.getrlimit(kind)[1]
        # Nobody raises a limit that was lower before.
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    os.chdir(request.folder)
    if request.user and os.geteuid() == 0:
        # Groups before the user: who is no longer root may not change them.
        os.setgroups([])
        os.setresgid(request.user, request.user, request.user)
        os.setresuid(request.user, request.user, request.user)
    kernel.drop_capabilities()
    kernel.call("prctl", kernel.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if LANDLOCK in request.measures:
        landlock.restrict(request)
    if SECCOMP in request.measures:
        seccomp.restrict(request)
    os.execve(request.command[0], request.command, os.environ)  # noqa: S606 - no shell is wanted


def _start_loopback() -> None:
    # With plain calls: the module `socket` would take longer than everything else here.
    descriptor = kernel.call("socket", _INTERNET, _DATAGRAM, 0)
    kernel.call("ioctl", descriptor, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _UP))
    os.close(descriptor)


def _is_left_alone(writer: int) -> bool:
    """Return whether the launcher died before this process asked to die with it."""
    return bool(kernel.poll(writer) & (_POLLERR | _POLLHUP))


def _let_go(kept: int, *needed: int) -> None:
    """Close what belongs to the program, so that its end is seen at once."""
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    for descriptor in (0, 1, 2):
        if descriptor not in needed:
            os.dup2(nothing, descriptor)
    largest = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, kept)
    # Without a limit of open files this would try a billion numbers.
    os.closerange(kept + 1, min(largest, 1 << 20))


def _kill_orphans() -> None:
    """Kill the processes that the program left. Each that dies leaves its own children to us."""
    deadline = time.monotonic() + _LONGEST_END
    while time.monotonic() < deadline:
        for child in _children():
            try:
                os.kill(child, _SIGKILL)
            except ProcessLookupError:
                pass  # it ended meanwhile
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    with open("/proc/self/task/" + str(os.getpid()) + "/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _refuse(error: OSError) -> NoReturn:
    os.write(2, f"the sandbox cannot be entered: {error}\n".encode())
    os._exit(REFUSED_START)
