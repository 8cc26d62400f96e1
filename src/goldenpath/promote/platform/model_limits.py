"""Limits of people and roles to models: `models = ["credit-*"]` in `platform.toml`.

A limit of a person covers everything that the person does. A limit of a role covers what the person
does by that role, so a person with another role may do more.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from goldenpath.promote.platform.toml_table import Table
from goldenpath.release.attest.policy import Person

_PATTERN = re.compile(r"[a-z*]([-a-z0-9*]{0,38}[a-z0-9*])?")


@dataclass(frozen=True, slots=True)
class RoleLimit:
    """The models for which a role counts."""

    role: str
    models: tuple[str, ...]


def read_models(table: Table) -> tuple[str, ...]:
    """Read the `models` of a table; empty if it has none, which means all models."""
    if not table.has("models"):
        return ()
    models = table.texts("models")
    if not models or not all(_PATTERN.fullmatch(each) for each in models):
        expected = 'at least one model name, in which * stands for any letters, as in "credit-*"'
        table.fault("models", expected, list(models))
    return models


def read_role_limit(table: Table, names: set[str]) -> RoleLimit:
    """Read a `[[role]]` and add its name to `names`, where it must be new."""
    name = table.text("name")
    if name in names:
        table.fault("name", "a role that is used once", name)
    names.add(name)
    if not table.has("models"):
        table.fault("models", "a list of model names", "nothing")
    models = read_models(table)
    table.end()
    return RoleLimit(name, models)


def role_limit_lines(limits: tuple[RoleLimit, ...]) -> Iterator[str]:
    """Yield a TOML table for each limited role."""
    for limit in limits:
        yield from ("", "[[role]]", f'name = "{limit.role}"', models_line(limit.models))


def models_line(models: tuple[str, ...]) -> str:
    """Return the TOML line of a limit."""
    return "models = [" + ", ".join(f'"{each}"' for each in models) + "]"


def roles_on(person: Person, limits: Sequence[RoleLimit], model: str) -> frozenset[str]:
    """Return the roles that the person has for a model."""
    if not covers(person.models, model):
        return frozenset()
    models = {each.role: each.models for each in limits}
    return frozenset(role for role in person.roles if covers(models.get(role, ()), model))


def limit_refusal(person: Person, limits: Sequence[RoleLimit], model: str) -> str:
    """Return why the person may not act on a model; empty if no limit forbids it."""
    if not covers(person.models, model):
        return f"is limited to the models {', '.join(person.models)}"
    if person.roles and not roles_on(person, limits, model):
        return f"has no role that counts for the model {model}"
    return ""


def covers(models: tuple[str, ...], model: str) -> bool:
    """Whether a limit covers a model; an empty one covers all."""
    return not models or any(fnmatchcase(model, each) for each in models)
