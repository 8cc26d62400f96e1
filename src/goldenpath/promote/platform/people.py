"""The error for somebody whom `platform.toml` does not list, with a hint that helps."""

from goldenpath.errors import InvalidInput, did_you_mean
from goldenpath.promote.platform.platform import Platform


def not_listed(name: str, platform: Platform) -> InvalidInput:
    """Return the error for somebody who acts under a name that is not listed."""
    return InvalidInput(f"platform.toml does not list {name}", hint=_cure(name, platform))


def _cure(name: str, platform: Platform) -> str:
    """Return the hint: a stage given as a person, a mistyped name, or how to get listed."""
    if platform.stage(name) is not None:
        return f"--as names a person; name the stage with --stage {name}"
    listed = [person.name for person in platform.people]
    return did_you_mean(name, listed) or (
        "a listed person adds you with: goldenpath person add "
        f"{name} --role ROLE --ssh-key FILE.pub"
    )
