"""A platform for the tests: three stages, two build keys, and people by role."""

import base64
from datetime import timedelta

from goldenpath.digest import Digest
from goldenpath.promote.platform.platform import Platform, Stage
from goldenpath.release.attest.policy import Person, TrustedKey

DER = base64.b64decode(
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x294DMYNm0G"
    "n4Om9ZAAU8c2M8sEGyHFXhqGwfQAtA=="
)
ONE = Digest.of(b"one")
TWO = Digest.of(b"two")


def line(letter: str) -> str:
    """A public key line in the right form."""
    return "ssh-ed25519 " + letter * 68


def platform() -> Platform:
    """Three stages; prod needs two approvals."""
    return Platform(
        stages=(
            Stage("dev", ("evidence",)),
            Stage("test", ("evidence", "stage-before")),
            Stage(
                "prod",
                ("evidence", "stage-before", "approvals"),
                approvals=2,
                approver_roles=("validator", "risk-manager"),
                soak=timedelta(hours=2),
            ),
        ),
        registry_prefix="registry.example/models",
        registry_store="layout:registry",
        build_keys=(TrustedKey("release", DER),),
        commit_keys=(Person("rollout", (), line("R")),),
        people=(
            Person("validator", ("validator",), line("V")),
            Person("risk-manager", ("risk-manager",), line("M")),
        ),
    )
