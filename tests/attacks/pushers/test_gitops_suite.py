"""The suite `gitops`: real objects, pushed by hand and fetched as a follower does.

At the small size every attack is made, and one control in three is switched off.
"""

from dataclasses import replace

from goldenpath.attacks.pushers.gitops_suite import gitops_suite
from goldenpath.release.attacks.suite import run
from tests.sizes import at_size


def test_every_attack_is_refused_and_every_control_is_needed() -> None:
    suite = gitops_suite()
    result = run(replace(suite, controls=suite.controls[:: at_size(3, 1)]))

    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control
