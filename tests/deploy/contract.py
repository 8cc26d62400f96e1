"""What every Target does; one subclass per implementation."""

from collections.abc import Iterator

import pytest

from goldenpath.deploy.reconcile.target import Apply, Prune, Target
from goldenpath.digest import Digest
from goldenpath.promote.manifests.desired import Deployment, Slot, slot_name


def release(seed: int, percent: int = 100, replicas: int = 1) -> Slot:
    """A slot with a digest made of one digit."""
    digest = Digest(f"sha256:{seed:064x}")
    return Slot(slot_name(digest) + str(seed), digest, percent, replicas)


def deployment(*slots: Slot, stopped: bool = False, model: str = "credit") -> Deployment:
    """A deployment in prod."""
    return Deployment("prod", model, slots or (release(1),), stopped)


class TargetContract:
    """Subclasses give the fixture `target` and say how to let it finish."""

    @pytest.fixture
    def target(self) -> Iterator[Target]:
        raise NotImplementedError

    def settle(self, target: Target) -> None:
        """Returns when nothing is starting any more."""

    def test_a_fresh_target_runs_nothing(self, target: Target) -> None:
        assert not target.observe()

    def test_what_is_applied_is_observed_and_becomes_ready(self, target: Target) -> None:
        target.perform(Apply(deployment()))
        self.settle(target)

        running = target.observe()["prod/credit"]
        assert running.deployment == deployment()
        assert running.phase == "ready"

    def test_applying_twice_is_applying_once(self, target: Target) -> None:
        target.perform(Apply(deployment()))
        self.settle(target)
        before = target.observe()

        target.perform(Apply(deployment()))

        assert target.observe() == before

    def test_a_stopped_deployment_stays_known_and_does_not_run(self, target: Target) -> None:
        target.perform(Apply(deployment(stopped=True)))
        self.settle(target)

        assert target.observe()["prod/credit"].phase == "stopped"

    def test_what_is_pruned_is_gone_and_pruning_twice_is_pruning_once(self, target: Target) -> None:
        target.perform(Apply(deployment()))

        target.perform(Prune("prod/credit"))
        target.perform(Prune("prod/credit"))

        assert not target.observe()
