"""Who must agree to a change of trust: two people, one of them a platform engineer.

Without this rule one listed person could list a second key of their own, or lower the demands of a
stage, and then promote alone.
"""

from collections.abc import Mapping
from datetime import datetime

from goldenpath.promote.platform.platform import FILE, Platform

FOLDERS = ("argocd", "cluster", "policies")
"""Folders that a cluster follows; a change in them is a change of trust too."""

ENGINEER = "platform-engineer"
"""One of the two people needs this role."""


def is_protected(path: str) -> bool:
    """Whether changing this file changes who or what is trusted."""
    return path == FILE or path.partition("/")[0] in FOLDERS


def is_followed(path: str) -> bool:
    """Whether a cluster, git or a runner may obey this file, though it is no deployment file.

    Argo CD applies what lies below `envs/`. Files whose name begins with a dot instruct git and CI.
    """
    parts = path.split("/")
    return parts[0] == "envs" or any(part.startswith(".") for part in parts)


def who_may_agree(platform: Platform, other: str, now: datetime) -> tuple[str, ...]:
    """Return the names of those who may confirm a change that `other` proposes."""
    roles = {person.name: set(person.roles) for person in platform.people}
    return tuple(
        person.name
        for person in platform.people
        if not why_not_both(platform, (other, person.name), roles)
        and (person.valid_until is None or now < person.valid_until)
    )


def why_not_both(platform: Platform, two: tuple[str, str], roles: Mapping[str, set[str]]) -> str:
    """Return why these two together cannot change trust; empty if they can."""
    suitable = {ENGINEER, *platform.stages[-1].approver_roles}
    if two[0] == two[1]:
        return f"and {two[0]} alone agreed to it"
    if not any(ENGINEER in roles.get(name, set()) for name in two):
        return f"and neither {two[0]} nor {two[1]} has the role {ENGINEER}"
    for name in two:
        if not roles.get(name, set()) & suitable:
            return f"and {name} has none of the roles {', '.join(sorted(suitable))}"
    return ""
