import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, NotFound, Unavailable, VerificationError
from goldenpath.promote.repository.address import MovedOn
from goldenpath.promote.repository.worktree import Repository
from goldenpath.release.attest.policy import Person
from goldenpath.release.attest.signatures.sshsig import SshKey

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Desk:
    """A bare remote, one person with a key, and a way to look at it with plain git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        self.key = SshKey.generate(folder / "engineer")
        self.engineer = Person("platform-engineer", ("platform-engineer",), self.key.public_line)
        self.repository = self.clone("cache")

    def clone(self, name: str) -> Repository:
        return Repository(str(self.remote), self.folder / name)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, bytes | None], parent: str | None = None) -> str:
        return self.repository.commit(
            parent,
            files,
            "stage: change\n\nStage: dev\n",
            "platform-engineer",
            key=self.key,
            now=NOW,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_was_committed_is_what_everybody_reads(desk: Desk) -> None:
    first = desk.commit({"platform.toml": b"a", "envs/dev/m/release.yaml": b"b"})
    second = desk.commit({"platform.toml": None, "envs/dev/n/release.yaml": b"c\n"}, first)

    other = desk.clone("other")

    assert other.fetch() == second
    assert other.read(second, "platform.toml") is None
    assert other.read(first, "platform.toml") == b"a"
    assert other.files(second, "envs/dev") == {
        "envs/dev/m/release.yaml": b"b",
        "envs/dev/n/release.yaml": b"c\n",
    }


def test_history_has_trailers_and_paths(desk: Desk) -> None:
    first = desk.commit({"platform.toml": b"a"})
    second = desk.commit({"envs/dev/m/release.yaml": b"b"}, first)

    newest, oldest = desk.repository.history()

    assert (newest.id, newest.parents, newest.time) == (second, (first,), NOW)
    assert newest.paths == ("envs/dev/m/release.yaml",)
    assert newest.trailer("Stage") == "dev"
    assert newest.author == "platform-engineer"
    assert oldest.paths == ("platform.toml",)
    assert [each.id for each in desk.repository.history("envs/dev/m")] == [second]


def test_a_commit_on_an_old_state_changes_nothing(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    second = desk.commit({"a": b"2"}, first)

    with pytest.raises(MovedOn):
        desk.commit({"a": b"3"}, first)

    assert desk.clone("other").fetch() == second


def test_a_lock_that_a_killed_git_left_at_the_remote_is_named_with_its_cure(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    (desk.remote / "refs" / "heads" / "main.lock").touch()

    with pytest.raises(MovedOn, match=r"holds main\.lock") as refused:
        desk.commit({"a": b"2"}, first)

    assert "remove its main.lock" in str(refused.value.hint)


def test_a_lock_that_a_killed_git_left_in_our_copy_is_taken_away(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    (desk.folder / "cache" / "refs" / "heads" / "main.lock").touch()

    second = desk.commit({"a": b"2"}, first)

    assert desk.repository.head() == second


def test_git_runs_where_the_memory_of_all_is_limited_already(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    ask = (
        "import pathlib, resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "from goldenpath.promote.repository.worktree import Repository\n"
        "print(Repository(sys.argv[1], pathlib.Path(sys.argv[2])).remote_head())\n"
    )
    command = [sys.executable, "-c", ask, str(desk.remote), str(desk.folder / "cache")]

    answered = subprocess.run(command, capture_output=True, text=True, check=True)

    assert answered.stdout.strip() == first


def test_two_first_commits_are_one_too_many(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})

    with pytest.raises(MovedOn):
        desk.commit({"a": b"2"})

    assert desk.repository.fetch() == first


def test_the_signer_is_named(desk: Desk) -> None:
    commit = desk.commit({"a": b"1"})

    assert desk.repository.verify(commit, [desk.engineer]) == "platform-engineer"


def test_a_foreign_signature_is_refused(desk: Desk) -> None:
    commit = desk.commit({"a": b"1"})
    other = SshKey.generate(desk.folder / "other")

    with pytest.raises(VerificationError, match="does not list"):
        desk.repository.verify(commit, [Person("validator", (), other.public_line)])


@pytest.mark.parametrize("days", [-10, 10])
def test_a_signature_outside_the_period_of_its_key_is_refused(desk: Desk, days: int) -> None:
    commit = desk.commit({"a": b"1"})
    edge = NOW + timedelta(days=days)
    person = Person(
        "validator",
        (),
        desk.key.public_line,
        valid_from=edge if days > 0 else None,
        valid_until=edge if days < 0 else None,
    )

    with pytest.raises(VerificationError, match="validator"):
        desk.repository.verify(commit, [person])


def test_an_unsigned_commit_is_refused(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    tree = desk.git(f"--git-dir={desk.remote}", "rev-parse", f"{first}^{{tree}}")
    commit = desk.git(
        f"--git-dir={desk.remote}", "-c", "user.name=x", "-c", "user.email=x@x", "commit-tree",
        tree, "-p", first, "-m", "unsigned",
    )  # fmt: skip
    desk.git(f"--git-dir={desk.remote}", "update-ref", "refs/heads/main", commit)

    assert desk.repository.fetch() == commit
    with pytest.raises(VerificationError, match="not signed"):
        desk.repository.verify(commit, [desk.engineer])


def test_a_tampered_commit_is_refused(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    content = desk.repository.raw([first])[first].replace(b"Stage: dev", b"Stage: prd")
    made = subprocess.run(
        [
            "git",
            f"--git-dir={desk.repository.cache}",
            "hash-object",
            "-t",
            "commit",
            "-w",
            "--stdin",
        ],
        input=content,
        capture_output=True,
        check=True,
    )

    with pytest.raises(VerificationError, match="changed after it was signed"):
        desk.repository.verify(made.stdout.decode().strip(), [desk.engineer])


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_git_itself_verifies_the_commit(desk: Desk) -> None:
    commit = desk.commit({"a": b"1"})
    allowed = desk.folder / "allowed"
    allowed.write_text(f'platform-engineer namespaces="git" {desk.key.public_line}\n')

    desk.git(
        f"--git-dir={desk.remote}", "-c", f"gpg.ssh.allowedSignersFile={allowed}",
        "verify-commit", commit,
    )  # fmt: skip
    desk.git(f"--git-dir={desk.remote}", "fsck", "--strict")


@pytest.mark.interop
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
def test_what_git_signs_counts_here(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    work = desk.folder / "work"
    desk.git("clone", "--quiet", str(desk.remote), str(work))
    desk.git(
        "-C", str(work), "-c", "user.name=x", "-c", "user.email=x@x", "-c", "gpg.format=ssh",
        "-c", f"user.signingkey={desk.folder / 'engineer'}", "commit", "--quiet", "--allow-empty",
        "-S", "-m", "by hand",
    )  # fmt: skip
    desk.git("-C", str(work), "push", "--quiet")
    later = desk.repository.fetch()

    assert later != first
    assert desk.repository.verify(later, [desk.engineer]) == "platform-engineer"


def test_rewritten_history_is_noticed(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    desk.commit({"a": b"2"}, first)
    desk.git(f"--git-dir={desk.remote}", "update-ref", "refs/heads/main", first)
    other = desk.clone("other")
    other.commit(other.fetch(), {"a": b"3"}, "other", "x", key=desk.key, now=NOW)

    with pytest.raises(VerificationError, match="rewritten"):
        desk.repository.fetch()


def test_a_remote_that_is_gone_is_unavailable_and_what_is_known_stays_readable(desk: Desk) -> None:
    first = desk.commit({"a": b"1"})
    desk.remote.rename(desk.folder / "gone")

    with pytest.raises(Unavailable, match="cannot be used"):
        desk.repository.fetch()
    assert desk.repository.head() == first
    assert desk.repository.read(first, "a") == b"1"


def test_a_repository_without_main_is_not_found(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no branch main"):
        desk.repository.fetch()


@pytest.mark.parametrize("path", ["/etc/x", "a/../b", "a//b", ".git/config", "a\nb", "./a"])
def test_a_path_that_leaves_the_tree_is_refused(desk: Desk, path: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be a path"):
        desk.commit({path: b"x"})


def test_a_protected_branch_is_named_as_such(desk: Desk) -> None:
    hook = desk.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(InvalidInput, match="refused the commit"):
        desk.commit({"a": b"1"})


def test_nothing_of_the_users_configuration_is_used(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[commit]\n\tbroken = [\n")
    repository = Repository(
        str(desk.remote), tmp_path / "c", {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    )

    first = repository.commit(
        None, {"a": b"1"}, "first", "platform-engineer", key=desk.key, now=NOW
    )

    assert repository.fetch() == first


def test_the_difference_is_shown_without_changing_anything(desk: Desk) -> None:
    first = desk.commit({"a": b"1\n"})

    shown = desk.repository.diff(first, {"a": b"2\n"})

    assert "-1" in shown
    assert "+2" in shown
    assert desk.repository.fetch() == first


def test_a_thousand_models_are_read_in_one_go(desk: Desk) -> None:
    files: dict[str, bytes | None] = {f"envs/dev/m{n}/release.yaml": b"x" * n for n in range(1000)}
    first = desk.commit(files)

    assert desk.repository.files(first, "envs") == files


def test_a_cache_that_cannot_be_written_is_unavailable(desk: Desk) -> None:
    (desk.folder / "file").write_bytes(b"")
    repository = Repository(str(desk.remote), desk.folder / "file" / "cache")

    with pytest.raises(Unavailable, match="cannot be made"):
        repository.fetch()


def test_commits_of_many_at_once_are_all_there_in_the_end(desk: Desk) -> None:
    desk.commit({"start": b""})

    def write(name: str) -> None:
        repository = desk.clone(name)
        while True:
            try:
                repository.commit(
                    repository.fetch(), {name: b"x"}, "change", "engineer", key=desk.key, now=NOW
                )
            except MovedOn:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [f"writer-{number}" for number in range(4)]))

    files = desk.repository.files(desk.repository.fetch())
    assert set(files) == {"start", *(f"writer-{number}" for number in range(4))}
