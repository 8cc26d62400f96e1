"""One process that follows git for a cluster: judges, signs, moves `verified`, and observes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from goldenpath.compose.clusters.cluster_admission import ClusterPass, admit_declared
from goldenpath.compose.clusters.cluster_observer import ClusterObserver
from goldenpath.compose.process_context import now
from goldenpath.deploy.cluster.api_server import ApiServer
from goldenpath.deploy.cluster.follower_record import PATH, FollowerRecord, rendered_record
from goldenpath.deploy.cluster.kubectl import Kubectl
from goldenpath.deploy.machine.tenure import tenure
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.times import timestamp


@dataclass(frozen=True, slots=True)
class FollowerOptions:
    """What the follower of a cluster was asked to do."""

    key: Path | None
    """The admission key; None takes that of the environment."""
    valid: timedelta
    is_observing: bool = False
    """Whether it also records what the cluster runs."""
    context: str = ""
    """Context of the kubeconfig; a pod asks its own API server."""


@contextmanager
def cluster_follower(home: Home, options: FollowerOptions) -> Iterator[Callable[[], ClusterPass]]:
    """Yield what makes one pass. One process at a time observes a cluster for a home.

    Raises `InvalidInput` if `goldenpath up` or another observer works in the home.
    """
    if not options.is_observing:
        yield lambda: admit_declared(home, options.key, options.valid)
        return
    pod = None if options.context else ApiServer.of_pod(os.environ)
    observer = ClusterObserver(home, pod or Kubectl(options.context))
    with tenure(home.run, takes_over=False):
        yield lambda: _observed_pass(home, options, observer, pod)


def _observed_pass(
    home: Home, options: FollowerOptions, observer: ClusterObserver, pod: ApiServer | None
) -> ClusterPass:
    faults: list[str] = []
    try:
        observer.look()
    except GoldenPathError as error:
        faults.append(f"what the cluster runs is not recorded: {error.message}")
    try:
        seen = admit_declared(home, options.key, options.valid)
    except GoldenPathError as error:
        branch = VerifiedBranch("", "", "unknown", error.message)
        _note(pod, branch, faults)
        raise
    _note(pod, seen.branch, faults)
    return replace(seen, faults=tuple(faults))


def _note(pod: ApiServer | None, branch: VerifiedBranch, faults: list[str]) -> None:
    """Tell the cluster what this pass saw; whoever asks for its status reads it there."""
    if pod is None:
        return
    record = FollowerRecord(timestamp(now()), branch, tuple(faults))
    try:
        pod.note(PATH, rendered_record(record))
    except GoldenPathError as error:
        faults.append(f"the state of the follower could not be written: {error.message}")
