"""The pull request interfaces of GitHub, GitLab, and Gitea (also for Forgejo)."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import quote

from goldenpath.canonical import JsonValue
from goldenpath.errors import InvalidInput
from goldenpath.http.json_client import Rest
from goldenpath.promote.forge.pull_request import PREFIX, Agreed, Forge, PullRequest
from goldenpath.promote.platform.forge_settings import ForgeSettings

BASE = "main"
_PAGES, _PAGE = 20, 50


def open_forge(
    settings: ForgeSettings,
    token: str,
    ca_file: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Forge:
    """Return the forge of a platform; `environment` names proxies.

    Raises `InvalidInput` without a token.
    """
    if not token:
        raise InvalidInput(
            "there is no token for the forge",
            hint="put it into GOLDENPATH_FORGE_TOKEN, or its file into GOLDENPATH_FORGE_TOKEN_FILE",
        )
    what, place = f"the forge ({settings.kind})", settings.repository
    rest = partial(Rest, settings.url, what, ca_file=ca_file, environment=environment)
    if settings.kind == "gitlab":
        return GitLab(
            rest({"PRIVATE-TOKEN": token}), f"/projects/{quote(place, safe='')}/merge_requests"
        )
    if settings.kind == "github":
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        return GitHub(rest(headers), f"/repos/{place}/pulls")
    return Gitea(rest({"Authorization": f"token {token}"}), f"/repos/{place}/pulls")


class _Pulls:
    """The common part of GitHub and Gitea, whose interface follows GitHub's."""

    per_page = "per_page"
    changes = "CHANGES_REQUESTED"

    def __init__(self, rest: Rest, path: str) -> None:
        self._rest = rest
        self._path = path

    def waiting(self) -> tuple[PullRequest, ...]:
        """Ours that are open."""
        listed = pages(self._rest, self._path, self.per_page, state="open")
        return tuple(each for each in map(_pull, listed) if each.branch.startswith(PREFIX))

    def open(self, branch: str, title: str, body: str) -> PullRequest:
        """Asks to bring the branch into `main`."""
        wish = {"title": title, "head": branch, "base": BASE, "body": body}
        return _pull(self._rest.post(self._path, wish))

    def agreed(self, request: PullRequest) -> tuple[Agreed, ...]:
        """Return those whose last review is an approval; a later comment does not withdraw it."""
        last: dict[str, JsonValue] = {}
        for review in pages(self._rest, f"{self._path}/{request.number}/reviews", self.per_page):
            if _text(review, "state") in ("APPROVED", self.changes, "DISMISSED"):
                last[_text(review, "user", "login")] = review
        return tuple(
            Agreed(login, _text(each, "commit_id"))
            for login, each in sorted(last.items())
            if _text(each, "state") == "APPROVED" and _member(each, "dismissed") is not True
        )


class GitHub(_Pulls):
    """GitHub's REST interface, version 2022-11-28."""


class Gitea(_Pulls):
    """The REST interface v1 of Gitea and Forgejo."""

    per_page = "limit"
    changes = "REQUEST_CHANGES"


class GitLab:
    """GitLab's REST interface v4."""

    def __init__(self, rest: Rest, path: str) -> None:
        self._rest = rest
        self._path = path

    def waiting(self) -> tuple[PullRequest, ...]:
        """Ours that are open."""
        listed = pages(self._rest, self._path, "per_page", state="opened", target_branch=BASE)
        return tuple(each for each in map(_merge, listed) if each.branch.startswith(PREFIX))

    def open(self, branch: str, title: str, body: str) -> PullRequest:
        """Asks to bring the branch into `main`."""
        return _merge(
            self._rest.post(
                self._path,
                {
                    "source_branch": branch,
                    "target_branch": BASE,
                    "title": title,
                    "description": body,
                    "remove_source_branch": True,
                },
            )
        )

    def agreed(self, request: PullRequest) -> tuple[Agreed, ...]:
        """Return who approves it now; GitLab does not say which commit they saw."""
        approvals = self._rest.get(f"{self._path}/{request.number}/approvals")
        listed = _member(approvals, "approved_by")
        logins = [_text(each, "user", "username") for each in _list(listed)]
        return tuple(Agreed(login, "") for login in sorted(filter(None, logins)))


def pages(rest: Rest, path: str, per_page: str, **query: str) -> Iterator[JsonValue]:
    """Yield the entries of a list that comes in pages, at most 1,000."""
    for page in range(1, _PAGES + 1):
        parameters = {**query, per_page: f"{_PAGE}", "page": f"{page}"}
        entries = _list(rest.get(path, **parameters))
        yield from entries
        if len(entries) < _PAGE:
            return


def _pull(value: JsonValue) -> PullRequest:
    branch, commit = _text(value, "head", "ref"), _text(value, "head", "sha")
    return _request(_member(value, "number"), _text(value, "html_url"), branch, commit, value=value)


def _merge(value: JsonValue) -> PullRequest:
    branch, commit = _text(value, "source_branch"), _text(value, "sha")
    return _request(_member(value, "iid"), _text(value, "web_url"), branch, commit, value=value)


def _request(
    number: JsonValue, url: str, branch: str, commit: str, *, value: JsonValue
) -> PullRequest:
    if not isinstance(number, int) or isinstance(number, bool) or not branch:
        raise InvalidInput("the answer of the forge is not a pull request")
    return PullRequest(number, url, branch, commit, _text(value, "title"))


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise InvalidInput("the answer of the forge is not a list")
    return value


def _member(value: JsonValue, *path: str) -> JsonValue:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: JsonValue, *path: str) -> str:
    text = _member(value, *path)
    return text if isinstance(text, str) else ""
