"""The first commit of a platform, and changes of trust by one person and by two."""

from dataclasses import replace

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.acts.founding import FoundingScene, PlatformOptions, begin, platform_files
from goldenpath.promote.acts.intents import TrustChange, TrustProposal
from goldenpath.promote.acts.proposal import (
    Proposed,
    change_trust,
    confirm,
    is_change_of_trust,
    review,
)
from goldenpath.promote.platform.demands import StatementRules
from goldenpath.promote.platform.platform import FILE, parse_platform
from tests.promote.acts.scenes import HEAD, NOW, town, trust_scene
from tests.promote.example import line, platform

FILES = platform_files(town())
MESSAGE = "platform: change\n\nWhy.\n"
PROPOSED = Proposed(
    "0123456789ab",
    MESSAGE,
    1,
    {FILE: FILES[FILE]},
    "b" * 40,
    "platform-engineer",
    "platform-engineer",
)


def test_a_platform_begins_with_one_person_one_machine_and_three_stages() -> None:
    (key,) = platform().build_keys
    seen = FoundingScene("jane", line("J"), line("R"), key, NOW)

    done = begin(seen, PlatformOptions("127.0.0.1:8080", "registry.example/models", ("validator",)))

    assert (done.parent, done.by, done.branch) == (None, ("jane",), "")
    made = parse_platform(done.files[FILE] or b"")
    assert [stage.name for stage in made.stages] == ["dev", "test", "prod"]
    assert [(each.name, each.roles) for each in made.people] == [("jane", ("validator",))]
    assert [each.name for each in made.commit_keys] == ["rollout"]
    assert done.files == platform_files(made)


def test_while_a_platform_is_set_up_one_person_changes_trust_at_once() -> None:
    done = change_trust(trust_scene(is_set_up=False), FILES, MESSAGE)

    assert done == TrustChange(HEAD, NOW, dict(FILES), MESSAGE, ("platform-engineer",))


@pytest.mark.parametrize("options", [True, False])
def test_a_new_platform_compares_statements_and_may_be_a_demonstration(options: bool) -> None:
    (key,) = platform().build_keys
    seen = FoundingScene("jane", line("J"), line("R"), key, NOW)
    wishes = PlatformOptions("127.0.0.1:8080", "r.example/m", (), demonstration=options)

    made = parse_platform(begin(seen, wishes).files[FILE] or b"")

    assert made.statements == StatementRules(compared=True, demonstration=options)


def test_no_change_makes_a_demonstration_of_a_platform() -> None:
    shown = replace(town(), statements=StatementRules(compared=True, demonstration=True))
    compared = replace(town(), statements=StatementRules(compared=True))

    with pytest.raises(InvalidInput, match="turns a platform into a demonstration"):
        change_trust(trust_scene(), platform_files(shown), MESSAGE)
    assert change_trust(trust_scene(), platform_files(compared), MESSAGE)


@pytest.mark.parametrize(("is_set_up", "two"), [(True, False), (False, True)])
def test_later_a_change_waits_for_a_second_person(is_set_up: bool, two: bool) -> None:
    done = change_trust(trust_scene(is_set_up=is_set_up), FILES, MESSAGE, two=two)

    assert isinstance(done, TrustProposal)
    assert done.by == ("validator", "risk-manager")
    assert done.base == trust_scene().base
    assert done.branch == f"goldenpath/trust-{done.proposal}"
    assert len(done.proposal) == 12


def test_without_an_engineer_only_an_engineer_may_confirm() -> None:
    done = change_trust(trust_scene("validator"), FILES, MESSAGE)

    assert done.by == ("platform-engineer",)


def test_only_files_that_differ_are_written() -> None:
    same = {path: content for path, content in FILES.items() if path != FILE}

    done = change_trust(trust_scene(files=tuple(same.items())), FILES, MESSAGE)

    assert list(done.files) == [FILE]


def test_a_change_that_changes_nothing_or_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has this content already: nothing to do"):
        change_trust(trust_scene(files=tuple(FILES.items())), FILES, MESSAGE)
    with pytest.raises(InvalidInput, match=r"platform\.toml"):
        change_trust(trust_scene(), {**FILES, FILE: b"version = 2\n"}, MESSAGE)


def test_the_second_person_brings_the_same_files_onto_main() -> None:
    done = confirm(trust_scene("validator"), PROPOSED)

    assert (done.files, done.message) == (PROPOSED.files, MESSAGE)
    assert done.by == ("platform-engineer", "validator")
    assert done.branch == "goldenpath/trust-0123456789ab-confirmed"


def test_a_review_shows_the_proposal_and_who_may_confirm_it() -> None:
    done = review(trust_scene("validator"), PROPOSED)

    assert done.by == ("validator", "risk-manager")
    assert done.parent == HEAD


@pytest.mark.parametrize(
    ("person", "proposed", "said"),
    [
        ("platform-engineer", PROPOSED, "platform-engineer cannot confirm what platform-engineer"),
        (
            "risk-manager",
            replace(PROPOSED, signer="validator"),
            "expected one of platform-engineer",
        ),
        ("validator", replace(PROPOSED, base="d" * 40), "the proposal is void"),
        ("validator", replace(PROPOSED, parents=2), "is not a change of trust"),
        ("validator", replace(PROPOSED, files={FILE: b"", "x": b""}), "is not a change of trust"),
    ],
    ids=["own", "no engineer", "void", "a merge", "other files"],
)
def test_what_nobody_confirms(person: str, proposed: Proposed, said: str) -> None:
    for act in (confirm, review):
        with pytest.raises(InvalidInput, match=said):
            act(trust_scene(person), proposed)


def test_a_proposal_in_another_name_is_not_confirmed() -> None:
    with pytest.raises(InvalidInput, match="names another person than the one who signed it"):
        confirm(trust_scene("validator"), replace(PROPOSED, approved_by="risk-manager"))


@pytest.mark.parametrize(
    ("paths", "is_one"),
    [
        ((FILE,), True),
        (("policies/kyverno.yaml",), True),
        (("argocd/project.yaml", FILE), True),
        (("x",), True),
        (("x", "envs/prod/m/inferenceservice.yaml"), True),
        ((FILE, "x"), False),
    ],
)
def test_what_two_people_may_sign_together(paths: tuple[str, ...], is_one: bool) -> None:
    assert is_change_of_trust(replace(PROPOSED, files=dict.fromkeys(paths, b""))) is is_one
