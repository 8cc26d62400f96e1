"""All suites: the command line and the documentation know them, with their controls."""

import re
from collections import Counter
from pathlib import Path

import pytest

from goldenpath import compose
from goldenpath.attacks.suites import suites
from goldenpath.cli import attack
from goldenpath.cli.attack_page import page
from goldenpath.errors import Unavailable
from goldenpath.release.attacks.attack import Attack
from goldenpath.release.attacks.suite import AttackSuite, AttackTrial, LeftOut, run
from goldenpath.release.attacks.supply_chain import supply_chain

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("controls.md", "controls-of-programs.md", "controls-of-access.md")
PAGE = "\n".join((DOCS / page).read_text() for page in PAGES)
MADE = suites(compose.throwaway_store)


def test_the_command_line_offers_every_suite() -> None:
    assert tuple(MADE) == attack.SUITES


def test_the_documentation_has_a_section_for_every_suite() -> None:
    assert tuple(re.findall(r"^## `([a-z-]+)`", PAGE, re.MULTILINE)) == attack.SUITES


@pytest.mark.parametrize("name", attack.SUITES)
def test_the_documentation_lists_every_control_with_its_attacks(name: str) -> None:
    suite = MADE[name]()
    lacking = [each.reason for each in suite.left_out if "this machine lacks" in each.reason]
    if lacking:
        pytest.skip(f"SKIPPED: {lacking[0]}")
    section = PAGE.partition(f"## `{name}`")[2].partition("\n## ")[0]

    listed = re.findall(r"^\| ([A-Za-z,' -]+) \| [^|]+ \| (\d+) \|$", section, re.MULTILINE)

    # Attacks that a setting of this kernel refuses by itself are listed all the same.
    counted = Counter(each.control for each in suite.attacks)
    counted.update(each.control for each in suite.left_out)
    assert listed == [(control, str(counted[control])) for control in suite.controls]
    assert f"**{counted.total()}** attacks" in section
    assert suite.name == name


def test_every_attack_of_all_suites_has_a_name_of_its_own() -> None:
    names = [each.name for make in MADE.values() for each in make().attacks]

    assert len(set(names)) == len(names)


def test_a_suite_fails_if_an_attack_gets_through_or_a_control_is_not_needed() -> None:
    attacks = supply_chain(compose.throwaway_store, ()).attacks
    one = Attack("one", "first", lambda scene: scene.attempt())
    refused, through = AttackTrial(False, {"first": "no"}), AttackTrial(True, {})
    assert attacks == ()

    def suite(usual: AttackTrial, without: AttackTrial) -> AttackSuite:
        return AttackSuite("made", (one,), ("first",), lambda off: [without if off else usual])

    assert run(suite(refused, through)).holds
    assert not run(suite(through, through)).holds
    assert not run(suite(refused, refused)).holds
    assert not run(suite(AttackTrial(False, {"second": "no"}), through)).holds


def test_the_page_says_what_was_left_out_and_that_nothing_is_claimed_about_it() -> None:
    left_out = LeftOut("a training reads a key", "list of files", "this machine lacks landlock")
    one = Attack("one", "first", lambda scene: scene.attempt())
    trials = [AttackTrial(False, {"first": "no"})], [AttackTrial(True, {})]
    suite = AttackSuite("made", (one,), ("first",), lambda off: trials[bool(off)], (left_out,))

    text = page({"made": run(suite)})

    assert "left out a training reads a key" in text and "this machine lacks landlock" in text
    assert text.endswith("left out: nothing is claimed about them here")


def test_a_suite_of_which_nothing_can_be_tried_ends_with_another_status() -> None:
    left_out = LeftOut("a training reads a key", "list of files", "this machine lacks landlock")
    result = run(AttackSuite("build", (), (), lambda _: [], (left_out,)))

    assert result.is_empty and not result.holds
    assert attack.exit_status({"build": result}) == Unavailable.exit_code
    assert attack.exit_status({}) == 0
