"""People and roles may be limited to models."""

from dataclasses import replace

import pytest

from goldenpath.errors import InvalidInput
from goldenpath.promote.platform.model_limits import RoleLimit, limit_refusal, roles_on
from goldenpath.promote.platform.platform import parse_platform, render_platform
from goldenpath.release.attest.policy import Person
from tests.promote.example import line, platform

LIMITS = (RoleLimit("validator", ("credit-*",)),)
ANNA = Person("anna", ("validator", "risk-manager"), line("A"))


def test_limits_are_written_and_read_back() -> None:
    people = tuple(replace(each, models=("credit-*", "fraud")) for each in platform().people)
    machines = tuple(replace(each, models=("credit-a",)) for each in platform().commit_keys)
    limited = replace(platform(), people=people, commit_keys=machines, role_limits=LIMITS)

    assert parse_platform(render_platform(limited)) == limited
    assert b"models =" not in render_platform(platform())


@pytest.mark.parametrize(
    ("person", "model", "roles"),
    [
        (ANNA, "credit-a", {"validator", "risk-manager"}),
        (ANNA, "fraud", {"risk-manager"}),
        (replace(ANNA, models=("fraud",)), "fraud", {"risk-manager"}),
        (replace(ANNA, models=("fraud",)), "credit-a", set()),
        (replace(ANNA, roles=("validator",)), "fraud", set()),
        (replace(ANNA, roles=()), "fraud", set()),
    ],
)
def test_a_role_counts_for_its_models_only(person: Person, model: str, roles: set[str]) -> None:
    assert roles_on(person, LIMITS, model) == roles


@pytest.mark.parametrize(
    ("person", "model", "refused"),
    [
        (ANNA, "fraud", ""),
        (replace(ANNA, models=("credit-*",)), "credit-a", ""),
        (replace(ANNA, models=("credit-*",)), "credit", "is limited to the models credit-*"),
        (replace(ANNA, models=("credit-*",)), "my-credit-a", "is limited to"),
        (replace(ANNA, models=("*",)), "fraud", ""),
        (replace(ANNA, roles=("validator",)), "fraud", "has no role that counts"),
        (replace(ANNA, roles=()), "fraud", ""),
    ],
)
def test_a_limit_refuses_other_models(person: Person, model: str, refused: str) -> None:
    found = limit_refusal(person, LIMITS, model)

    assert refused in found
    assert bool(found) == bool(refused)


@pytest.mark.parametrize(
    "models", ["[]", '["Credit"]', '["a b"]', '[""]', '["credit-"]', '"credit-*"', "[1]"]
)
def test_a_limit_that_names_nothing_is_refused(models: str) -> None:
    content = render_platform(platform()).decode()
    changed = content.replace('name = "validator"', f'name = "validator"\nmodels = {models}')
    assert changed != content

    with pytest.raises(InvalidInput, match="models"):
        parse_platform(changed.encode())


def test_a_role_is_limited_once_and_with_models() -> None:
    content = render_platform(platform()).decode()
    role = '\n[[role]]\nname = "validator"\n'

    with pytest.raises(InvalidInput, match="used once"):
        parse_platform(f'{content}{role}models = ["a"]\n{role}models = ["b"]\n'.encode())
    with pytest.raises(InvalidInput, match="models: expected a list"):
        parse_platform(f"{content}{role}".encode())
