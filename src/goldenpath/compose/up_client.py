"""Requests to a running `goldenpath up`: its status, and to look at git now."""

import os
import signal
import time
from datetime import datetime, timedelta

from goldenpath.deploy.machine.supervisor import is_held, stop_supervisor, supervisor
from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.errors import NotFound
from goldenpath.home import Home

SILENT = timedelta(seconds=30)
"""`goldenpath up` publishes every 2 s: after this it hangs, even if it holds its lock."""


def status(home: Home) -> tuple[Status, bool]:
    """Return the last status of `up` and whether it runs. Raises `NotFound` if it never ran."""
    published = read_status(home.run / "status.json")
    if published is None:
        raise NotFound("goldenpath up never ran here", hint="run goldenpath up")
    return published, is_held(home.run)


def silence(status: Status, at: datetime) -> timedelta | None:
    """Return how long a running machine has published nothing; None if that is normal."""
    silent = at - datetime.fromisoformat(status.time)
    return silent if silent > SILENT else None


def await_status(home: Home, seconds: float) -> tuple[Status, bool]:
    """Return the status once `up` runs what git declares now; at the latest after `seconds`.

    It returns early only for what time cannot heal, such as a file that cannot be read. The status
    of an earlier run is ignored.
    """
    from goldenpath.compose.gitops_access import gitops

    head = gitops(home).remote_head()
    wake(home)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        runs, published = supervisor(home.run), read_status(home.run / "status.json")
        is_its = runs is not None and published is not None and published.process == runs.process
        if published and is_its and published.commit == head and not published.may_change:
            break
        time.sleep(0.05)
    return status(home)


def stop(home: Home) -> bool:
    """End `goldenpath up` and wait for it; return False if it did not run."""
    return stop_supervisor(home.run)


def wake(home: Home) -> None:
    """Let a running `up` look at git now instead of within a second."""
    running = supervisor(home.run)
    if running is not None:
        os.kill(running.process, signal.SIGHUP)


def is_up(home: Home) -> bool:
    """Tell whether `goldenpath up` runs on this machine now."""
    return supervisor(home.run) is not None
