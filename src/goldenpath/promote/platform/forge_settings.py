"""The forge where pull requests are opened: `[forge]` in `platform.toml`.

A token is sent to this address, so only a signed commit may change it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeGuard, get_args

from goldenpath.promote.platform.demands import quoted
from goldenpath.promote.platform.toml_table import Table

Kind = Literal["github", "gitlab", "gitea"]

_URL = re.compile(r"https://[^/\s@?#]+(/[^\s@?#]*)?|http://(localhost|127(\.\d+){3})(:\d+)?(/\S*)?")
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")


@dataclass(frozen=True, slots=True)
class ForgeSettings:
    """One repository on one forge. Forgejo has the same interface as Gitea."""

    kind: Kind
    url: str
    """The address of its REST interface, such as `https://git.example/api/v1`."""
    repository: str
    """`owner/name`; on GitLab any groups come first."""


def read_forge(table: Table) -> ForgeSettings | None:
    """Read the table `[forge]`. Faults are added to it; None if the kind is unknown."""
    kind, url, repository = table.text("kind"), table.text("url"), table.text("repository")
    table.end()
    if not _is_kind(kind):
        table.fault("kind", "github, gitlab or gitea (also for Forgejo)", kind)
        return None
    if _URL.fullmatch(url) is None:
        table.fault("url", "the https address of its REST interface", url)
    if _REPOSITORY.fullmatch(repository) is None:
        table.fault("repository", "owner/name", repository)
    return ForgeSettings(kind, url, repository)


def forge_lines(forge: ForgeSettings) -> Iterator[str]:
    """Yield the TOML lines of the table."""
    yield from ("", "[forge]", f"kind = {quoted(forge.kind)}")
    yield from (f"url = {quoted(forge.url)}", f"repository = {quoted(forge.repository)}")


def _is_kind(text: str) -> TypeGuard[Kind]:
    return text in get_args(Kind)
