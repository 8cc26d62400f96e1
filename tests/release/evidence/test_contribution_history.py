"""Who wrote which part of a project: real commits, signed by several keys."""

import base64
import hashlib
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from goldenpath.promote.repository.commit import insert_signature, render_commit
from goldenpath.release.attest.signatures.ssh_public_key import fingerprint
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.evidence.contribution_history import contributions_of
from goldenpath.release.evidence.contributions import (
    Contributions,
    contributions_record,
    parse_contributions,
)
from tests.starter import environment
from tests.train.source.repositories import forge, git, make_project

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEYS = {name: SshKey.of(Ed25519PrivateKey.generate()) for name in ("ann", "bea", "cem")}
NAMES = {fingerprint(key.public_line): name for name, key in KEYS.items()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """One commit by nobody in particular."""
    return make_project(tmp_path / "project")


def put(
    folder: Path, by: str, *, on: tuple[str, ...] = (), damaged: bool = False, **files: str | None
) -> str:
    """Commit files of `src/`, signed by a person, on the newest commit or on others."""
    parents = on or (git(folder, "rev-parse", "HEAD").strip(),)
    git(folder, "read-tree", "--reset", "-u", parents[0])
    for name, text in files.items():
        path = folder / "src" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        if text is not None:
            path.write_text(text)
    git(folder, "add", "--all")
    return signed(folder, by, parents, damaged=damaged)


def signed(folder: Path, by: str, parents: tuple[str, ...], *, damaged: bool = False) -> str:
    """Commit what the index holds."""
    tree = git(folder, "write-tree").strip()
    content = render_commit(tree, parents, f"named {by}", NOW, message="change")
    if by in KEYS:
        what = content + b"x" if damaged else content
        content = insert_signature(content, KEYS[by].sign(what, "git"))
    made = subprocess.run(
        ["git", "-C", str(folder), "hash-object", "-t", "commit", "-w", "--stdin"],
        env=environment(), input=content, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    git(folder, "reset", "--quiet", "--hard", made)
    return made


def read(folder: Path, commit: str, root: str = "") -> Contributions:
    return contributions_of(folder / root, environment(), commit)


def writers(found: Contributions, name: str, folder: str = "src/") -> set[str]:
    """The names of the keys, or the names in the commits without one."""
    (part,) = (each for each in found.parts if each.path == f"{folder}{name}.py")
    people = (found.people[place] for place in part.by)
    return {NAMES.get(each.signer) or each.author.split()[-2] for each in people}


def test_everybody_who_changed_a_file_wrote_it_and_nobody_else(project: Path) -> None:
    put(project, "ann", train="1", score="1")
    put(project, "bea", train="2")
    last = put(project, "cem", notes="1")

    found = read(project, last)

    assert (writers(found, "train"), writers(found, "score")) == ({"ann", "bea"}, {"ann"})
    assert writers(found, "notes") == {"cem"}
    assert found.gap == ""
    assert parse_contributions(contributions_record(found)) == found


@pytest.mark.parametrize("turned", [False, True], ids=["one order", "the other"])
def test_both_sides_of_a_merge_count_in_any_order_and_so_does_who_merged(
    project: Path, turned: bool
) -> None:
    base = put(project, "cem", train="0")
    left = put(project, "ann", train="1")
    right = put(project, "bea", on=(base,), score="1")
    parents = (right, left) if turned else (left, right)

    found = read(project, put(project, "cem", on=parents, train="1", score="1"))

    assert writers(found, "train") == {"ann", "cem"}
    assert writers(found, "score") == {"bea", "cem"}


def test_a_merge_that_brings_an_old_state_back_is_a_change_by_who_merged(project: Path) -> None:
    old = put(project, "ann", train="1")
    new = put(project, "bea", train="2")
    side = put(project, "ann", on=(old,), other="1")

    found = read(project, put(project, "cem", on=(new, side), train="1", other="1"))

    assert writers(found, "train") == {"ann", "bea", "cem"}


def test_the_same_content_by_two_people_is_of_both(project: Path) -> None:
    base = git(project, "rev-parse", "HEAD").strip()
    one = put(project, "ann", on=(base,), train="1")
    two = put(project, "bea", on=(base,), train="1")

    assert writers(read(project, put(project, "cem", on=(one, two), train="1")), "train") >= {
        "ann", "bea",
    }  # fmt: skip


def test_a_change_taken_back_and_a_file_removed_keep_their_writers(project: Path) -> None:
    put(project, "ann", train="1", check="1")
    put(project, "bea", train=None, check=None)

    found = read(project, put(project, "cem", train="1"))

    assert writers(found, "train") == {"ann", "bea", "cem"}
    (gone,) = (each for each in found.parts if each.path == "src/check.py")
    assert gone.content == "" and writers(found, "check") == {"ann", "bea"}


def test_what_lies_beside_the_project_in_its_repository_does_not_count(project: Path) -> None:
    put(project, "ann", train="1")
    (project / "README.md").write_text("by Bea")
    git(project, "add", "--all")
    last = signed(project, "bea", (git(project, "rev-parse", "HEAD").strip(),))

    found = read(project, last, "src")

    assert writers(found, "train", "") == {"ann"}
    assert all(each.author != "named bea <>" for each in found.people)


@pytest.mark.parametrize(("by", "damaged"), [("nobody", False), ("ann", True)])
def test_a_commit_without_a_valid_signature_counts_by_its_name(
    project: Path, by: str, damaged: bool
) -> None:
    found = read(project, put(project, by, damaged=damaged, train="1"))

    assert writers(found, "train") == {by}
    assert all(each.signer == "" for each in found.people)


def test_a_shallow_clone_has_a_gap(project: Path, tmp_path: Path) -> None:
    put(project, "ann", train="1")
    last = put(project, "bea", notes="1")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{project}", str(tmp_path / "clone"))

    assert "shallow clone" in read(tmp_path / "clone", last).gap
    assert read(project, last).gap == ""


def test_an_object_that_is_missing_is_a_gap_and_no_error(project: Path) -> None:
    first = git(project, "rev-parse", "HEAD").strip()
    last = put(project, "ann", train="1")
    (project / ".git" / "objects" / first[:2] / first[2:]).unlink()

    assert "missing" in read(project, last).gap


def test_neither_a_graft_nor_a_replacement_hides_a_commit(project: Path) -> None:
    base = put(project, "ann", train="1")
    last = put(project, "bea", notes="1")
    (project / ".git" / "info").mkdir(exist_ok=True)
    (project / ".git" / "info" / "grafts").write_text(f"{last}\n")
    git(project, "replace", base, last, "--force")

    assert writers(read(project, last), "train") == {"ann"}


def test_the_mode_of_a_file_is_a_part_of_its_content_and_any_name_is_read(project: Path) -> None:
    (project / "src" / "two\nlines.py").write_text("x")
    before = put(project, "ann", train="1")
    (project / "src" / "two\nlines.py").unlink()
    (project / "src" / "train.py").chmod(0o755)
    git(project, "add", "--all")
    last = signed(project, "bea", (before,))

    found = read(project, last)

    changed = {each.path: each.content[:6] for each in found.parts if len(each.by) == 2}
    assert changed == {"src/train.py": "100755", "src/two\nlines.py": ""}


def test_a_project_of_many_files_is_one_part_of_everybody(project: Path) -> None:
    put(project, "ann", train="1")
    last = put(project, "bea", notes="1")

    whole = contributions_of(project, environment(), last, most_parts=2)

    assert len(whole.parts) == 1 and writers_of(whole) >= {"ann", "bea"}
    assert whole.since(None).keys() == {""}


def writers_of(found: Contributions) -> set[str]:
    return {NAMES.get(found.people[place].signer, "") for part in found.parts for place in part.by}


def by_token(key: Ed25519PrivateKey, application: bytes, message: bytes) -> str:
    """A signature as a hardware token makes it (PROTOCOL.u2f), for an application of any name."""

    def texts(*parts: bytes) -> bytes:
        return b"".join(len(each).to_bytes(4, "big") + each for each in parts)

    kind, touched = b"sk-ssh-ed25519@openssh.com", b"\1\0\0\0\7"
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    hashed = texts(b"git", b"", b"sha512", hashlib.sha512(message).digest())
    inner = hashlib.sha256(b"SSHSIG" + hashed).digest()
    made = key.sign(hashlib.sha256(application).digest() + touched + inner)
    blob = texts(kind, raw, application)
    packed = texts(blob, b"git", b"", b"sha512", texts(kind, made) + touched)
    text = base64.b64encode(b"SSHSIG" + (1).to_bytes(4, "big") + packed).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""])


@pytest.mark.parametrize("application", [b"ssh:", b"ssh:of-my-own", b""])
def test_a_key_in_a_token_is_the_same_writer_whatever_its_application(
    project: Path, application: bytes
) -> None:
    """Otherwise the name in the commit would count, and its author could approve it."""
    key = Ed25519PrivateKey.generate()
    (project / "src" / "train.py").write_text("by a token")
    git(project, "add", "--all")
    tree, head = git(project, "write-tree").strip(), git(project, "rev-parse", "HEAD").strip()
    content = render_commit(tree, (head,), "somebody else", NOW, message="change")
    content = insert_signature(content, by_token(key, application, content))
    made = subprocess.run(
        ["git", "-C", str(project), "hash-object", "-t", "commit", "-w", "--stdin"],
        env=environment(), input=content, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip

    found = read(project, made)

    (part,) = (each for each in found.parts if each.path == "src/train.py")
    listed = SshKey.of(key).public_line
    assert [found.people[place].signer for place in part.by] == [fingerprint(listed)]


def test_a_commit_that_is_not_what_its_name_says_leaves_a_gap(project: Path) -> None:
    first = put(project, "ann", train="1")
    last = put(project, "bea", train="2")
    forge(project, first, b"commit", lambda content: content.replace(b"named ann", b"named cem"))

    assert "damaged" in read(project, last).gap
