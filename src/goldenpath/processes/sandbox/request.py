"""What the launcher is asked to do, and the names of the measures that it can apply.

The launcher applies exactly the measures of its request, or starts nothing. Which measures a
machine has is found out beforehand (`goldenpath.processes.confinement`).
"""

from typing import TypedDict

USER = "user namespace"
PROCESSES = "pid namespace"
NETWORK = "network namespace"
IPC = "ipc namespace"
VIEW = "mount namespace"
LANDLOCK = "landlock"
SECCOMP = "seccomp"

NAMESPACES = (USER, PROCESSES, NETWORK, IPC, VIEW)
MEASURES = (*NAMESPACES, LANDLOCK, SECCOMP)

METADATA, UNCHANGED_METADATA, SCHEDULING, SHARING, WATCHING, SESSIONS, SIGNALS, FORKING = (
    "metadata",
    "unchanged metadata",
    "scheduling",
    "sharing",
    "watching",
    "sessions",
    "signals",
    "forking",
)
"""Groups of system calls that a request may refuse, besides those that are always refused.

With `UNCHANGED_METADATA` calls that change modes and times report success and change nothing, so
that programs which copy files with their modes still work. Owners and attributes are refused.
"""

REFUSED_START = 125
"""Exit status if the sandbox could not be entered. Nothing foreign ran then."""


class Request(TypedDict):
    """One program and everything that it may use."""

    command: list[str]
    folder: str
    """Its working folder."""
    parent: int
    """Process id of the parent. The program ends with it."""
    measures: list[str]
    readable: list[str]
    """Files and folders that may be read and executed."""
    writable: list[str]
    """Files and folders that may be changed as well."""
    temporary: int
    """MiB of a private `/tmp` and `/dev/shm`; 0 for neither."""
    scratch: str
    """A folder that becomes a private file system of `scratch_size`; empty for none."""
    scratch_size: int
    """MiB."""
    network: bool
    """Whether the network of the machine may be used."""
    refused: list[str]
    """Groups of refused system calls."""
    limits: dict[str, int]
    """Limits by the name of the constant in `resource`, such as `RLIMIT_DATA`."""
    first_to_kill: bool
    """Whether the kernel kills this program first when memory runs out."""
    user: int
    """User id that root changes to before the program starts; 0 to stay."""
