"""What verbs that change platform.toml share: one signed commit, and where it is now."""

from collections.abc import Callable

from goldenpath import wire
from goldenpath.cli.output import Format, show
from goldenpath.gitops.founding import platform_files
from goldenpath.gitops.identity import Identity
from goldenpath.promote.platform import Platform


def change_platform(
    change: Callable[[Platform], Platform],
    message: str,
    what: str,
    acting: Identity,
    output: Format,
) -> None:
    """Commits what `change` makes of the platform that is trusted now, and shows `what` was done.

    Nothing is committed if it raises.
    """
    home = wire.home()
    trusted = wire.trusted(home)
    files = platform_files(change(trusted.platform))
    done = wire.change_trust(home, trusted, files, message, acting)
    show(done, f"{what}: {done.words}", output)
