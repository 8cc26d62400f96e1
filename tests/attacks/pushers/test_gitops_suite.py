"""The suite `gitops`: real objects, pushed by hand and fetched as a follower does."""

from goldenpath.attacks.pushers.gitops_suite import gitops_suite
from goldenpath.release.attacks.suite import run


def test_every_attack_is_refused_and_every_control_is_needed() -> None:
    result = run(gitops_suite())

    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control
