"""The suite `registry`: real connections to a hostile registry on this machine."""

from goldenpath import compose
from goldenpath.attacks.registries.registry_suite import registry_suite
from goldenpath.release.attacks.suite import run


def test_every_attack_is_refused_and_every_control_is_needed() -> None:
    result = run(registry_suite(compose.throwaway_store))

    assert [each.attack for each in result.outcomes if not each.refused or not each.reason] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control
