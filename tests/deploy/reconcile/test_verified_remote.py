"""The branch `verified` on remotes behind SSH and HTTP, with the hook of docs/verified.md."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from goldenpath.errors import GoldenPathError
from goldenpath.promote.manifests.cluster import VERIFIED
from goldenpath.promote.repository.address import MovedOn, Protected
from goldenpath.promote.repository.git import Git, GitFailed
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.signatures.sshsig import SshKey
from tests.promote.repository.test_chain_walk import Place
from tests.promote.repository.test_git_remote import BACKEND, served

PAGE = Path(__file__).parents[3] / "docs" / "verified.md"
CLIENT = """#!/bin/sh
while [ "$1" != git@host ]; do shift; done
shift
{follower} SSH_ORIGINAL_COMMAND="$*" sh -c 'eval "$SSH_ORIGINAL_COMMAND"'
"""
REFERENCE = f"refs/heads/{VERIFIED}"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def install_hook(place: Place) -> None:
    (script,) = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    hook = place.hand.remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(script)
    hook.chmod(0o755)


def by_ssh(place: Place, name: str, *, is_follower: bool, branch: str = VERIFIED) -> Repository:
    """The remote by SSH, as sshd starts git there; a shell is in the place of its client."""
    client = place.folder / f"ssh-{name}"
    client.write_text(CLIENT.format(follower="FOLLOWER=1" if is_follower else ""))
    client.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": str(client)}
    url = f"ssh://git@host{place.hand.remote}"
    return Repository(url, place.folder / name, environment, branch=branch)


def at(place: Place) -> str:
    return place.hand.git("for-each-ref", "--format=%(objectname)", REFERENCE)


def put(place: Place, digest: object = None) -> str:
    files = {"note": f"{place.now} {digest}".encode()}
    return place.hand.commit(place.keys["engineer"], files, place.now)


def copy_main(place: Place, branch: Repository) -> None:
    """Fetch `main` into the copy of a branch, as a follower does."""
    Git(branch.cache, {"PATH": os.environ["PATH"]}).initialise()
    Repository(str(place.hand.remote), branch.cache).fetch()


def test_by_ssh_the_key_of_the_follower_moves_the_branch_forward_and_nothing_else(
    place: Place,
) -> None:
    install_hook(place)
    first, second = put(place, 1), put(place, 2)
    branch = by_ssh(place, "follower", is_follower=True)
    copy_main(place, branch)

    branch.forward(first)
    branch.forward(second)

    assert at(place) == second == branch.remote_head()
    with pytest.raises(MovedOn):
        branch.forward(first)
    git = Git(
        branch.cache,
        {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": str(place.folder / "ssh-follower")},
    )
    refused = {
        f"+{first}:{REFERENCE}": "verified goes forward",
        f":{REFERENCE}": "verified follows main",
        f"{second}:refs/heads/other": "this key moves verified alone",
        f"+{first}:refs/heads/main": "this key moves verified alone",
    }
    for change, reason in refused.items():
        with pytest.raises(GitFailed, match=reason):
            git.run("push", branch.url, change)
    assert (at(place), place.hand.head) == (second, second)


def test_by_ssh_nobody_else_moves_the_branch_and_the_follower_takes_it_nowhere_but_along_main(
    place: Place,
) -> None:
    install_hook(place)
    first = put(place, 1)
    own = by_ssh(place, "person", is_follower=False)
    copy_main(place, own)
    with pytest.raises(Protected, match="only the follower moves verified"):
        own.forward(first)
    stolen = by_ssh(place, "stolen", is_follower=True)
    copy_main(place, stolen)
    key = SshKey.generate(place.folder / "thief")
    by_thief = Repository(str(place.folder / "theirs.git"), stolen.cache)
    Git(place.folder / "theirs.git", {"PATH": os.environ["PATH"]}).initialise()
    theirs = by_thief.commit(None, {"a": b"1"}, "theirs", "thief", key=key, now=place.now)

    with pytest.raises(Protected, match="verified follows main"):
        stolen.forward(theirs)

    assert at(place) == ""


@pytest.mark.interop
@pytest.mark.skipif(not BACKEND.is_file(), reason="needs git http-backend")
def test_by_http_it_goes_forward_and_never_back(place: Place) -> None:
    first, second = put(place, 1), put(place, 2)
    place.hand.git("config", "http.receivepack", "true")
    with served(place.folder) as url:
        branch = Repository(url, place.folder / "http", branch=VERIFIED)
        copy_main(place, branch)
        branch.forward(second)
        with pytest.raises(MovedOn):
            branch.forward(first)
        assert branch.remote_head() == second == at(place)
    with pytest.raises(GoldenPathError):
        branch.forward(second)


PUSH = """
import sys
from pathlib import Path
from goldenpath.promote.repository.worktree import Repository
url, cache, commit = sys.argv[1:]
Repository(url, Path(cache), branch="verified").forward(commit)
"""


@pytest.mark.parametrize("moment", ["pre-receive", "post-receive"])
def test_a_follower_that_is_killed_in_the_middle_leaves_the_branch_before_or_after(
    place: Place, moment: str
) -> None:
    first, second = put(place, 1), put(place, 2)
    branch = Repository(str(place.hand.remote), place.folder / "copy", branch=VERIFIED)
    copy_main(place, branch)
    branch.forward(first)
    hook, reached = place.hand.remote / "hooks" / moment, place.folder / "reached"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {reached}\nexec sleep 60\n")
    hook.chmod(0o755)
    command = [sys.executable, "-c", PUSH, branch.url, str(branch.cache), second]
    with subprocess.Popen(command, start_new_session=True) as process:
        while not reached.exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    _end_hook(reached)
    hook.unlink()

    assert at(place) == (first if moment == "pre-receive" else second)
    branch.forward(second)
    assert at(place) == second


def _end_hook(reached: Path) -> None:
    """End the program of the hook, as the end of a connection does."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            inside = (folder / "cwd").readlink()
        except OSError:
            continue
        if words[:2] == [b"sleep", b"60"] and str(inside).startswith(str(reached.parent)):
            os.kill(int(folder.name), signal.SIGKILL)
