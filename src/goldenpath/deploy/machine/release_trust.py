"""What the server of a release verifies itself before it loads anything.

A server trusts nobody's word for its release, so it gets the rules and reads the statements again.
They are the rules by which the follower admitted the release: those of its entry into the stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from goldenpath.digest import Digest
from goldenpath.errors import GoldenPathError
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.processes.launch import ReleaseTrust
from goldenpath.promote.gates.admission_policy import release_policy
from goldenpath.promote.gates.entry_rules import entry_rules
from goldenpath.promote.manifests.desired import Deployment
from goldenpath.promote.repository.chain_of_trust import Trusted
from goldenpath.promote.workspace.stage_history import StageHistory
from goldenpath.release.attest.launch_trust import trust_of
from goldenpath.release.attest.verify import times_with_citations

NO_TRUST = ReleaseTrust((), ())
"""With this no release starts: nothing could be found out about the rules."""


@dataclass(frozen=True, slots=True)
class EntryTrust:
    """Derives the trust of servers from the commits that a follower reads."""

    history: StageHistory
    layout: Path
    """The store of this machine, from which its servers read their releases."""
    now: Callable[[], datetime]

    def __call__(self, trusted: Trusted, deployment: Deployment, digest: Digest) -> ReleaseTrust:
        """Return what the server of a release in a deployment verifies."""
        try:
            entries = self.history.entries(trusted, deployment.stage, deployment.model, digest)
        except GoldenPathError:
            return NO_TRUST
        rules = entry_rules(trusted.platform, deployment.stage, entries)
        return trust_of(release_policy(rules.then), self.statement_times(trusted, digest))

    def statement_times(self, trusted: Trusted, digest: Digest) -> Mapping[Digest, datetime] | None:
        """Return when each statement about the release was seen here; None if no key has ended."""
        try:
            known = self.history.statement_times(trusted, self.now())
            if known is None:
                return None
            return times_with_citations(LayoutStore(self.layout), digest, known)
        except GoldenPathError:
            return {}  # then nobody is known to have seen a statement before its key ended
