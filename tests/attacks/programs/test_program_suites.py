"""The suites `build` and `sandbox`: real programs in real sandboxes, judged from outside.

At the small size every attack is made, and one control in six is switched off. On a machine whose
kernel gives less than everything, the attacks that show nothing there are left out. Two such
machines are simulated.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from goldenpath.attacks.programs.build_suite import build_machines, build_suite
from goldenpath.attacks.programs.confined_trial import ProgramAttack, trials
from goldenpath.attacks.programs.process_bombs import BOMB_CONTROLS
from goldenpath.attacks.programs.sandbox_suite import sandbox_suite
from goldenpath.attacks.programs.source_attacks import SOURCE_CONTROLS
from goldenpath.errors import Unavailable
from goldenpath.processes.sandbox.request import LANDLOCK, MEASURES, NAMESPACES
from goldenpath.release.attacks.suite import AttackSuite, run
from tests.confined import confined
from tests.sizes import at_size, full_size

WHOLE = pytest.mark.skipif(
    bool(confined().missing), reason=f"SKIPPED: this kernel lacks {', '.join(confined().missing)}"
)
LACKS = [frozenset({LANDLOCK}), frozenset(NAMESPACES)]
MAKERS = [build_suite, sandbox_suite]


def names(suite: AttackSuite) -> list[str]:
    return [each.name for each in suite.attacks]


@WHOLE
@pytest.mark.parametrize("make", MAKERS)
def test_every_attack_is_refused_and_every_control_is_needed(
    make: Callable[[], AttackSuite],
) -> None:
    suite = make()
    result = run(replace(suite, controls=suite.controls[:: at_size(6, 1)]))

    assert all("the kernel refuses it itself" in each.reason for each in suite.left_out)
    assert [each.attack for each in result.outcomes if not each.refused] == []
    for ablation in result.ablations:
        assert ablation.succeeded == ablation.expected != (), ablation.control


def test_an_attack_that_was_not_made_is_no_refusal() -> None:
    kind = build_machines()[0].kind
    attacks = (ProgramAttack("dies", "own processes", "os._exit(1)", lambda _: False),)

    with pytest.raises(Unavailable, match="0 of 1 attacks"):
        trials(kind, attacks, frozenset())


@WHOLE
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("lacking", LACKS, ids=["no Landlock", "no namespaces"])
def test_a_machine_with_less_leaves_out_what_it_cannot_show(
    make: Callable[[frozenset[str]], AttackSuite], lacking: frozenset[str]
) -> None:
    whole, less = make(frozenset()), make(lacking)

    every = {*names(whole), *(each.attack for each in whole.left_out)}
    assert {*names(less), *(each.attack for each in less.left_out)} == every
    assert set(names(less)).isdisjoint(each.attack for each in less.left_out)
    settings = {each.attack for each in whole.left_out}
    new = [each for each in less.left_out if each.attack not in settings]
    assert all("this machine lacks " in each.reason for each in new)
    assert set(less.controls) == {each.control for each in less.attacks}
    if less.controls != whole.controls:
        assert less.left_out


@WHOLE
@full_size("test_a_machine_with_less_leaves_out_what_it_cannot_show")
@pytest.mark.parametrize("lacking", LACKS, ids=["no Landlock", "no namespaces"])
def test_what_a_machine_with_less_tries_is_refused_there_by_the_same_control(
    lacking: frozenset[str],
) -> None:
    suite = build_suite(lacking)
    assert suite.attacks and suite.left_out

    usual = suite.trials(frozenset())
    without = suite.trials(frozenset({"list of files"}))

    assert [each.succeeded for each in usual] == [False] * len(suite.attacks)
    of_files = [each.control == "list of files" for each in suite.attacks]
    assert [each.succeeded for each in without] == of_files


def test_a_machine_without_any_measure_shows_nothing_about_programs() -> None:
    suite = build_suite(frozenset(MEASURES))

    # The launcher itself counts processes and memory, without any measure of the kernel.
    assert suite.controls == (*BOMB_CONTROLS, *SOURCE_CONTROLS)
    tried = replace(suite, controls=suite.controls[:: at_size(3, 1)])
    assert run(tried).holds and suite.left_out
