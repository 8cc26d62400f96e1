"""All 250 cases without a cluster: fields by CEL, signatures by our own verifier.

At the small size every third rule is tried without.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from goldenpath.deploy.policies.case_verdicts import CaseResult, CaseScene, case_scene, judge_cases
from goldenpath.deploy.policies.release_states import STATES, CaseKeys
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.promote.manifests.kustomize.image_policies import image_rules
from tests.promote.example import platform
from tests.sizes import at_size

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Ground:
    """The cases with their releases in a store."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.scene: CaseScene = case_scene(self.store, platform(), CaseKeys.make(), NOW)
        self.results = judge_cases(self.scene, self.store, NOW)

    def signed_only(self) -> CaseScene:
        cases = tuple(case for case in self.scene.cases if "(release)" in case.name)
        return CaseScene(self.scene.platform, self.scene.stage, cases, self.scene.releases)


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground()


def test_two_hundred_bad_and_fifty_good_get_their_verdict(ground: Ground) -> None:
    assert [each for each in ground.results if not each.agrees] == []
    count = Counter(each.verdict for each in ground.results)
    assert count == {"refused": 200, "admitted": 50}
    assert len({each.case for each in ground.results}) == 250


def test_each_is_refused_by_its_rule_and_by_no_other(ground: Ground) -> None:
    rules = {case.name: case.rule for case in ground.scene.cases}

    assert {each.case: each.reason for each in ground.results} == rules


def test_each_rule_of_the_engine_is_needed(ground: Ground) -> None:
    """Without a rule exactly the releases under it are admitted."""
    scene = ground.signed_only()
    for rule in image_rules(scene.platform, scene.stage)[:: at_size(3, 1)]:
        results = judge_cases(scene, ground.store, NOW, without=rule.message)
        under = {case.name for case in scene.cases if case.rule == rule.message}

        assert under
        assert {each.case for each in results if not each.agrees} == under


def test_an_admission_that_ended_since_lets_nothing_start(ground: Ground) -> None:
    later = judge_cases(ground.signed_only(), ground.store, NOW + timedelta(days=15))

    assert {each.verdict for each in later} == {"refused"}


def test_what_nobody_signed_is_refused_for_all_of_it(ground: Ground) -> None:
    assert [state.rule for state in STATES].count("") == 1
    missing = CaseResult("x", "admitted", None, "could not be found out")
    assert not missing.agrees
