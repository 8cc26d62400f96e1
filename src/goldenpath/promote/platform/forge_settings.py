"""Where pull requests are opened: a part of `platform.toml`, since a token is sent there."""

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
    """One repository on one forge; Forgejo speaks as Gitea does."""

    kind: Kind
    url: str
    """Address of its REST interface, such as `https://git.example/api/v1`."""
    repository: str
    """`owner/name`, with GitLab any groups before it."""


def read_forge(table: Table) -> ForgeSettings | None:
    """The table `[forge]`; None where it has faults."""
    kind, url, repository = table.text("kind"), table.text("url"), table.text("repository")
    table.end()
    if not _is_kind(kind):
        table.fault("kind", "github, gitlab or gitea (which Forgejo speaks)", kind)
        return None
    if _URL.fullmatch(url) is None:
        table.fault("url", "the https address of its REST interface", url)
    if _REPOSITORY.fullmatch(repository) is None:
        table.fault("repository", "owner/name", repository)
    return ForgeSettings(kind, url, repository)


def forge_lines(forge: ForgeSettings) -> Iterator[str]:
    """The table as it is written."""
    yield from ("", "[forge]", f"kind = {quoted(forge.kind)}")
    yield from (f"url = {quoted(forge.url)}", f"repository = {quoted(forge.repository)}")


def _is_kind(text: str) -> TypeGuard[Kind]:
    return text in get_args(Kind)
