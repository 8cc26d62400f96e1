"""What git wants to run: deployments, as values."""

from dataclasses import dataclass

from goldenpath.digest import Digest


@dataclass(frozen=True, slots=True)
class Slot:
    """One release of a deployment and its share of the traffic."""

    name: str
    """`r` and 12 hex digits of the digest: a valid KServe predictor name."""
    digest: Digest
    percent: int
    """0 to 100; 0 is a dark launch."""
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model in one stage. The first slot is the stable release, the others are canaries."""

    stage: str
    model: str
    slots: tuple[Slot, ...]
    """Percentages add up to 100."""
    stopped: bool = False
    """`serving.kserve.io/stop`: everything stays declared, nothing runs."""

    @property
    def name(self) -> str:
        """`stage/model`, unique on a platform."""
        return f"{self.stage}/{self.model}"


def slot_name(digest: Digest) -> str:
    """The predictor name of a release."""
    return "r" + digest.hex[:12]
