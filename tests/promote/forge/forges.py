"""A forge on this machine that speaks as GitHub, GitLab or Gitea do, over a real repository.

Answers have the members of the documented interfaces that we read, and some that we do not; wrong
tokens, unknown paths and a second request for one branch are refused as those forges refuse them.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit

from goldenpath.promote.platform.forge_settings import ForgeSettings, Kind

TOKEN = "a-token-of-the-test"
REPOSITORY = "platform/gitops"
HEADERS: Mapping[Kind, tuple[str, str]] = {
    "github": ("Authorization", f"Bearer {TOKEN}"),
    "gitea": ("Authorization", f"token {TOKEN}"),
    "gitlab": ("PRIVATE-TOKEN", TOKEN),
}
PATHS: Mapping[Kind, str] = {
    "github": rf"/repos/{REPOSITORY}/pulls",
    "gitea": rf"/repos/{REPOSITORY}/pulls",
    "gitlab": "/projects/platform%2Fgitops/merge_requests",
}


@dataclass
class Request:
    """One pull request as the forge keeps it."""

    number: int
    branch: str
    title: str
    body: str
    reviews: list[dict[str, object]] = field(default_factory=list)


class FakeForge:
    """The state of the forge; `kind` is the interface that it has."""

    def __init__(self, kind: Kind, remote: Path) -> None:
        self.kind = kind
        self.remote = remote
        self.requests: list[Request] = []
        self.asked: list[str] = []
        self.fails = 0
        """How many of the next requests fail."""

    def commit(self, branch: str) -> str:
        """Return the commit of the branch in the real repository; empty if there is none."""
        done = subprocess.run(
            ["git", f"--git-dir={self.remote}", "rev-parse", "-q", "--verify", f"heads/{branch}"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip()

    def approve(self, login: str, state: str = "", commit: str = "", **more: object) -> None:
        """Let a person approve or refuse the last request."""
        last = self.requests[-1]
        said = state or "APPROVED"
        last.reviews.append(
            {
                "id": len(last.reviews) + 1,
                "user": {"login": login, "username": login, "id": 7},
                "state": said,
                "commit_id": commit or self.commit(last.branch),
                "body": "",
                **more,
            }
        )

    def answer(self, method: str, target: str, body: Mapping[str, object]) -> tuple[int, object]:
        """Return the status and the content of an answer."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        base = PATHS[self.kind]
        if path == base and method == "POST":
            return self._open(body)
        if path == base and method == "GET":
            return 200, self._page([self._shown(each) for each in self.requests], query)
        end = "approvals" if self.kind == "gitlab" else "reviews"
        found = re.fullmatch(rf"{re.escape(base)}/(\d+)/{end}", path)
        if found is None or method != "GET" or int(found[1]) > len(self.requests):
            return 404, {"message": "Not Found"}
        reviews = self.requests[int(found[1]) - 1].reviews
        if self.kind == "gitlab":
            approved = [each for each in reviews if each["state"] == "APPROVED"]
            return 200, {
                "approvals_left": 0,
                "approved_by": [{"user": r["user"]} for r in approved],
            }
        return 200, self._page(reviews, query)

    def _open(self, body: Mapping[str, object]) -> tuple[int, object]:
        is_lab = self.kind == "gitlab"
        branch = str(body["source_branch" if is_lab else "head"])
        assert body["target_branch" if is_lab else "base"] == "main"
        if not self.commit(branch):
            return 422, {"message": "Validation Failed", "errors": [{"field": "head"}]}
        if any(each.branch == branch for each in self.requests):
            return (422 if self.kind == "github" else 409), {"message": "already exists"}
        text = str(body["description" if is_lab else "body"])
        number = len(self.requests) + 1
        self.requests.append(Request(number, branch, str(body["title"]), text))
        return 201, self._shown(self.requests[-1])

    def _shown(self, each: Request) -> dict[str, object]:
        commit = self.commit(each.branch)
        if self.kind == "gitlab":
            return {
                "id": 1000 + each.number, "iid": each.number, "title": each.title,
                "source_branch": each.branch, "target_branch": "main", "sha": commit,
                "state": "opened", "web_url": f"https://git.example/-/merge_requests/{each.number}",
            }  # fmt: skip
        return {
            "id": 1000 + each.number, "number": each.number, "title": each.title, "state": "open",
            "html_url": f"https://git.example/pulls/{each.number}",
            "head": {"ref": each.branch, "sha": commit}, "base": {"ref": "main"},
        }  # fmt: skip

    def _page(self, rows: list[dict[str, object]], query: Mapping[str, list[str]]) -> object:
        size = int(query["limit" if self.kind == "gitea" else "per_page"][0])
        begin = (int(query["page"][0]) - 1) * size
        return rows[begin : begin + size]


@contextmanager
def serving(forge: FakeForge) -> Iterator[ForgeSettings]:
    """The forge behind an address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Mapping[str, object]) -> None:
            forge.asked.append(f"{self.command} {unquote(self.path)}")
            header, value = HEADERS[forge.kind]
            status: int
            said: object
            if forge.fails:
                forge.fails -= 1
                status, said = 502, {"message": "bad gateway"}
            elif self.headers.get(header) != value:
                status, said = 401, {"message": "Bad credentials"}
            else:
                path = self.path.removeprefix("/api")
                status, said = forge.answer(self.command, path, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/api"
        yield ForgeSettings(forge.kind, address, REPOSITORY)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
