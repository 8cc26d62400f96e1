"""The suite `registry`: real connections to a hostile registry on this machine.

At the small size every attack is made, and one control in three is switched off.
"""

from dataclasses import replace

from goldenpath import compose
from goldenpath.attacks.registries.registry_suite import registry_suite
from goldenpath.release.attacks.suite import run
from tests.sizes import at_size


def test_every_attack_is_refused_and_every_control_is_needed() -> None:
    suite = registry_suite(compose.throwaway_store)
    result = run(replace(suite, controls=suite.controls[:: at_size(3, 1)]))

    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control
