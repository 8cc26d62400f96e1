"""Old spellings of options go on working for one minor version, hidden, with a note."""

from pathlib import Path

import pytest

from goldenpath.cli.renamed import LAST
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.version import __version__
from tests.cli.conftest import Town
from tests.cli.saying import Command


@pytest.mark.parametrize(
    ("verb", "old", "new"),
    [
        ("promote {fresh} {} dev --dry-run", "--to", "--stage"),
        ("why credit-default {} prod", "--not-in", "--stage"),
        ("gate {fresh} {} dev", "--as-stage", "--stage"),
        ("approve none {} prod", "--to", "--stage"),
        ("approve none {} prod", "--for", "--stage"),
        ("waive none --gate x --reason y --until 2030-01-01 {} prod", "--for", "--stage"),
        ("waive none --gate x --reason y --until 2030-01-01 {} prod", "--to", "--stage"),
        ("rollout credit-default --stage dev {} 50", "--to", "--percent"),
        ("rollback credit-default --stage dev --reason x {} sha256:0", "--to", "--release"),
        ("report {live} {} report.md", "--to", "--file"),
    ],
)
def test_an_old_spelling_does_what_the_new_one_does_and_says_so(
    town: Town, reading: Command, verb: str, old: str, new: str
) -> None:
    words = verb.format(old, live=town.live, fresh=town.fresh).split()
    acting = town.acting("platform-engineer") if words[0] not in {"why", "gate", "report"} else ()

    before = reading.run((*words, *acting))
    now = reading.run((*(new if word == old else word for word in words), *acting))

    note = f"note: {old} is now {new}, and stops working after version {LAST}"
    assert (before.code, before.out) == (now.code, now.out)
    assert before.err == f"{note}\n{now.err}"
    assert old not in now.err


def test_the_old_spellings_are_of_this_minor_version() -> None:
    assert __version__.startswith(f"{LAST}."), "take the old spellings away, and this test"


def test_both_spellings_at_once_are_refused(reading: Command) -> None:
    said = reading("promote", "x", "--to", "dev", "--stage", "dev")

    assert said.code == 2
    assert "error: --stage and --to are given: expected --stage only" in said.err


def test_an_old_spelling_takes_the_form_with_an_equals_sign(reading: Command) -> None:
    said = reading("why", "credit-default", "--not-in=prod")

    assert said.code == 0
    assert "note: --not-in is now --stage" in said.err


def test_the_value_of_another_option_is_no_spelling(reading: Command) -> None:
    said = reading("rollback", "credit-default", "--stage", "dev", "--reason", "--to")

    assert "note:" not in said.err


@pytest.mark.parametrize("more", [(), ("--stage", "prod")])
def test_gate_refuses_a_stage_for_a_person_and_names_the_cure(
    reading: Command, town: Town, more: tuple[str, ...]
) -> None:
    said = reading("gate", town.fresh.text, "--as", "prod", *more)

    assert (said.code, said.out) == (2, "")
    assert "error: --as names a person: expected one of platform-engineer, " in said.err
    assert "got the stage prod\nhint: goldenpath gate RELEASE --stage prod\n" in said.err


def test_gate_judges_as_if_a_person_promoted(reading: Command, town: Town) -> None:
    said = reading("gate", town.fresh.text, "--stage", "dev", "--as", "validator", "--output=json")
    stranger = reading("gate", town.fresh.text, "--stage", "dev", "--as", "validatr")

    assert said.code == 0
    assert '"actor": "validator"' in said.out
    assert (stranger.code, "hint: did you mean validator?" in stranger.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("gate {fresh} --stage prd", "did you mean prod?"),
        ("why credit-default --stage tset", "did you mean test?"),
        ("why credit-defualt --stage prod", "did you mean credit-default?"),
        ("promote {fresh} --stage dve", "did you mean dev?"),
        ("promote {fresh} --stage dev --as dev", "--as names a person; name the stage"),
        ("rollout credit-defaul --stage dev", "did you mean credit-default?"),
        ("rollback credit-default --stage pord --reason x", "did you mean prod?"),
        ("hold credit-dfault --stage dev --reason x", "did you mean credit-default?"),
        ("approve {fresh} --stage prod --as validtor", "did you mean validator?"),
        ("at now --stage prd", "did you mean prod?"),
        ("at now --model credit-defualt", "did you mean credit-default?"),
        ("drift Credit-Default", "did you mean credit-default?"),
        ("drift credit-default --stage Prod", "did you mean prod?"),
        ("log show --model credit-defaul", "did you mean credit-default?"),
        ("log show --stage deev", "did you mean dev?"),
    ],
)
def test_a_mistyped_stage_model_or_person_is_answered_with_the_likely_one(
    town: Town, reading: Command, tmp_path: Path, words: str, hint: str
) -> None:
    call = words.format(fresh=town.fresh).split()
    acting = () if call[0] in {"at", "gate", "log", "why"} else town.acting("platform-engineer")
    if "--as" in call:
        acting = ("--key", str(SshKey.generate(tmp_path / "stranger").path))
    said = reading.run((*call, *acting))

    assert said.code in (0, 2, 3)
    assert hint in said.out + said.err
