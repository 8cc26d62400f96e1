"""A platform that gave one answer, whose log a witness holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from goldenpath.audit.anchors.anchors_branch import BRANCH
from goldenpath.audit.anchors.witness_writer import WitnessWriter
from goldenpath.promote.repository.chain_of_trust import follow
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.audit.platform import Grounds
from tests.audit.served import ANSWERED, Served, serve_once
from tests.prepared import let_git_hurry

HELD = ANSWERED + timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ProvenHome:
    """A platform, and the witness of its machine."""

    served: Served
    grounds: Grounds

    def anchor(self, now: datetime = HELD) -> str:
        """One commit of the witness on the branch `anchors`."""
        home = self.served.home
        branch = Repository(str(home.gitops), home.anchors_cache, branch=BRANCH)
        platform = follow(self.grounds.repository, home.trust, now).platform
        writer = WitnessWriter(home, branch, SshKey.load(home.witness_key))
        return writer.anchor(platform, "", now)


def serve_a_home(folder: Path, *, model: bytes = b"model", score: float = 0.2) -> ProvenHome:
    """A platform that answered once and was not held yet."""
    served, grounds = serve_once(folder, model=model, score=score)
    let_git_hurry(served.home.gitops)
    return ProvenHome(served, grounds)
