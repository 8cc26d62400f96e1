"""What verbs that change platform.toml share: one signed commit, and where it is now."""

from collections.abc import Callable

from goldenpath import compose
from goldenpath.cli.output import Format, show
from goldenpath.promote.acts.founding import platform_files
from goldenpath.promote.platform.platform import Platform
from goldenpath.promote.repository.identity import Identity


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
    home = compose.home()
    trusted = compose.trusted(home)
    files = platform_files(change(trusted.platform))
    done = compose.change_trust(home, trusted, files, message, acting)
    show(done, f"{what}: {done.words}", output)
