"""One process that follows git for a cluster: judges, signs, moves `verified`, and observes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.compose.clusters.cluster_admission import ClusterPass, admit_declared
from goldenpath.compose.clusters.cluster_observer import ClusterObserver
from goldenpath.compose.gitops_access import anchors_repository, gitops
from goldenpath.compose.process_context import now
from goldenpath.compose.witness import machine_of
from goldenpath.deploy.cluster.api_server import ApiServer
from goldenpath.deploy.cluster.follower_record import PATH, FollowerRecord, rendered_record
from goldenpath.deploy.cluster.kubectl import Kubectl
from goldenpath.deploy.machine.tenure import tenure
from goldenpath.deploy.reconcile.verified_branch import VerifiedBranch
from goldenpath.errors import GoldenPathError
from goldenpath.home import Home
from goldenpath.promote.repository.chain_of_trust import last_trusted
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.times import timestamp

_HELD_EVERY = 60.0
"""Seconds between two commits of heads."""


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
    heads = _EventHeads(home)
    with tenure(home.run, takes_over=False):
        yield lambda: _observed_pass(home, options, observer, heads, pod=pod)


class _EventHeads:
    """Signs the heads of the audit log into the branch `anchors`, where this home is a witness."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._writer: WitnessWriter | None = None
        self._last = -_HELD_EVERY

    def hold(self) -> None:
        """Sign what is new, at most once a minute. Raises like the writer of a witness."""
        moment = time.monotonic()
        if moment - self._last < _HELD_EVERY:
            return
        home = self._home
        known = last_trusted(gitops(home), home.trust)
        if machine_of(home, known.platform) is None:
            return  # no witness: whoever reads the log is told that nobody holds its heads
        if self._writer is None:
            key = SshKey.load(home.witness_key)
            self._writer = WitnessWriter(home, anchors_repository(home), key)
        self._writer.anchor(known.platform, known.commit, now())
        self._last = moment


def _observed_pass(
    home: Home,
    options: FollowerOptions,
    observer: ClusterObserver,
    heads: _EventHeads,
    *,
    pod: ApiServer | None,
) -> ClusterPass:
    faults: list[str] = []
    try:
        observer.look()
    except GoldenPathError as error:
        faults.append(f"what the cluster runs is not recorded: {error.message}")
    try:
        heads.hold()
    except GoldenPathError as error:
        faults.append(f"the heads of the audit log are not signed: {error.message}")
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
