"""What a console shows: the home of this machine, another home, or a gitops repository alone."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from goldenpath.compose.process_context import home
from goldenpath.errors import InvalidInput
from goldenpath.home import HOME_VARIABLE, Home
from goldenpath.settings import GITOPS_VARIABLE, TRUST_VARIABLE


@contextmanager
def console_source(source: str | None) -> Iterator[Home]:
    """Yield the home that the verbs of this process read, by its environment.

    A `source` is the folder of a home, or of a project that has one; else the address of a gitops
    repository. That one is read into an empty home, which ends with the block: it knows no log and
    no machine. Raises `InvalidInput` for a repository without the pinned first commit.
    """
    if source is None:
        yield home()
        return
    folder = Path(source)
    if folder.is_dir():
        inside = folder / ".goldenpath"
        named = Home((inside if inside.is_dir() else folder).absolute())
        if not named.gitops.is_dir() and not named.run.is_dir():
            raise InvalidInput(
                f"{source} is no home: expected a folder with gitops.git or run",
                hint="goldenpath init makes a home",
            )
        os.environ[HOME_VARIABLE] = str(named.root)
        yield named
        return
    if ":" not in source:
        raise InvalidInput(
            f"{source!r} is nothing that a console shows: expected a folder, or the address of a "
            "gitops repository such as https://host/gitops.git"
        )
    if not os.environ.get(TRUST_VARIABLE):
        raise InvalidInput(
            f"nothing of {source} can be trusted: expected its first commit in {TRUST_VARIABLE}",
            hint="goldenpath init prints it; ask the platform engineer, and not the repository",
        )
    with TemporaryDirectory(prefix="goldenpath-console-") as empty:
        os.environ[HOME_VARIABLE], os.environ[GITOPS_VARIABLE] = empty, source
        yield Home(Path(empty))
