"""What the launcher is asked to do, and the names of the measures that it can apply.

The launcher applies exactly the measures of its request, or starts nothing. Which measures a
machine has is found out beforehand (`goldenpath.processes.confinement`).

Every module of the launcher imports little, because it starts before each program: `json`,
`typing`, `signal` and `contextlib` alone would take half of its time.
"""

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


class Request:
    """One program and everything that it may use."""

    __slots__ = (
        "command", "first_to_kill", "folder", "limits", "measures", "most_memory", "most_tasks",
        "network", "parent", "readable", "refused", "scratch", "scratch_size", "temporary",
        "user", "writable",
    )  # fmt: skip

    def __init__(self) -> None:
        """Make a request that allows nothing."""
        self.command: list[str] = []
        self.folder = "/"
        """Its working folder."""
        self.parent = 0
        """Process id of the parent. The program ends with it."""
        self.measures: list[str] = []
        self.readable: list[str] = []
        """Files and folders that may be read and executed."""
        self.writable: list[str] = []
        """Files and folders that may be changed as well."""
        self.temporary = 0
        """MiB of a private `/tmp` and `/dev/shm`; 0 for neither."""
        self.scratch = ""
        """A folder that becomes a private file system of `scratch_size`; empty for none."""
        self.scratch_size = 0
        """MiB."""
        self.network = False
        """Whether the network of the machine may be used."""
        self.refused: list[str] = []
        """Groups of refused system calls."""
        self.limits: list[str] = []
        """Limits by the name of the constant in `resource`, such as `RLIMIT_DATA 1000`."""
        self.most_tasks = 0
        """Processes and threads at a time; 0 for no limit."""
        self.most_memory = 0
        """MiB that all processes may hold together; 0 for no limit."""
        self.first_to_kill = False
        """Whether the kernel kills this program first when memory runs out."""
        self.user = 0
        """User id that root changes to before the program starts; 0 to stay."""

    def arguments(self) -> list[str]:
        """Return the request as arguments of a program, which `parse` reads."""
        lines = []
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, list):
                lines += [f"{name}={item}" for item in value]
            elif value:
                lines.append(f"{name}={int(value) if value is True else value}")
        return lines


def parse(arguments: list[str]) -> Request:
    """Return the request of such arguments. Raises `ValueError` for anything else."""
    request = Request()
    for argument in arguments:
        name, separator, text = argument.partition("=")
        if not separator or name not in Request.__slots__:
            raise ValueError(f"the sandbox was asked for {name!r}")
        value = getattr(request, name)
        if isinstance(value, list):
            value.append(text)
        elif isinstance(value, bool):
            setattr(request, name, text == "1")
        else:
            setattr(request, name, int(text) if isinstance(value, int) else text)
    return request
