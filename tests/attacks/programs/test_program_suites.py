"""The suites `build` and `sandbox`: real programs in real sandboxes, judged from outside.

They run in half a minute, so they are part of `make test`. A machine whose kernel gives less than
everything is skipped: there the layer that is missing refuses nothing.
"""

from collections.abc import Callable

import pytest

from goldenpath.attacks.programs.build_suite import build_machines, build_suite
from goldenpath.attacks.programs.confined_trial import ProgramAttack, trials
from goldenpath.attacks.programs.sandbox_suite import sandbox_suite
from goldenpath.errors import Unavailable
from goldenpath.processes.confinement import confine
from goldenpath.release.attacks.suite import AttackSuite, run

pytestmark = pytest.mark.skipif(
    bool(confine().missing), reason=f"SKIPPED: this kernel lacks {', '.join(confine().missing)}"
)


@pytest.mark.parametrize("make", [build_suite, sandbox_suite])
def test_every_attack_is_refused_and_every_control_is_needed(
    make: Callable[[], AttackSuite],
) -> None:
    result = run(make())

    assert [each.attack for each in result.outcomes if not each.refused] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control


def test_an_attack_that_was_not_made_is_no_refusal() -> None:
    kind = build_machines()[0].kind
    attacks = (ProgramAttack("dies", "own processes", "os._exit(1)", lambda _: False),)

    with pytest.raises(Unavailable, match="0 of 1 attacks"):
        trials(kind, attacks, frozenset())
