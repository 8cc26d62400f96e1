"""What can be asked of `goldenpath up` from outside: its status, and that it looks at git now."""

import os
import signal
import time
from datetime import datetime, timedelta

from goldenpath.deploy.machine.supervisor import is_held, stop_supervisor, supervisor
from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.errors import NotFound
from goldenpath.settings import Home

SILENT = timedelta(seconds=30)
"""`up` publishes every two seconds: after this it hangs, whatever holds its lock."""


def status(home: Home) -> tuple[Status, bool]:
    """What `up` published last, and whether it still runs. Raises `NotFound` if it never did."""
    found = read_status(home.run / "status.json")
    if found is None:
        raise NotFound("goldenpath up never ran here", hint="run goldenpath up")
    return found, is_held(home.run)


def silence(status: Status, at: datetime) -> timedelta | None:
    """How long a machine that runs has said nothing, if that is longer than it should be."""
    silent = at - datetime.fromisoformat(status.time)
    return silent if silent > SILENT else None


def await_status(home: Home, seconds: float) -> tuple[Status, bool]:
    """The status once `up` runs what git says now; at the latest after `seconds`.

    It ends early only for what no time can heal, such as a file that cannot be read. What a run
    before published says nothing about this one.
    """
    from goldenpath.compose.gitops_access import gitops

    head = gitops(home).fetch()
    wake(home)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        runs, found = supervisor(home.run), read_status(home.run / "status.json")
        is_its = runs is not None and found is not None and found.process == runs.process
        if found and is_its and found.commit == head and not found.may_change:
            break
        time.sleep(0.05)
    return status(home)


def stop(home: Home) -> bool:
    """Ends what `up` runs and waits for it; False if nothing ran."""
    return stop_supervisor(home.run)


def wake(home: Home) -> None:
    """Lets `up`, if it runs, look at git now instead of within a second."""
    found = supervisor(home.run)
    if found is not None:
        os.kill(found.process, signal.SIGHUP)


def is_up(home: Home) -> bool:
    """Whether `goldenpath up` runs on this machine now."""
    return supervisor(home.run) is not None
