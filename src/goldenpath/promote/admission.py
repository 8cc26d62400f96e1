"""What a platform demands of every release before anything of it is run or promoted."""

from goldenpath.attest.policy import Policy
from goldenpath.attest.statement import EVIDENCE, SIGNED
from goldenpath.promote.platform import Platform


def release_policy(platform: Platform) -> Policy:
    """The policy: signed by a build key, with all the evidence of a build."""
    return Policy(
        keys=platform.build_keys,
        required=(SIGNED, *EVIDENCE),
        repository=platform.repository,
    )
