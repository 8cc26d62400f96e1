"""What a build uses is what was committed, whatever the work tree, the index or git's lists say."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable, VerificationError
from goldenpath.project.spec import DataSource
from goldenpath.train.source.declaration import data_in_project
from goldenpath.train.source_state import changes_of, open_checkout
from tests.quick_project import commit
from tests.starter import environment
from tests.train.source.repositories import FILES, files_below, forge, git, make_project

COMMITTED = {name: text.encode() for name, text in FILES.items()}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def _export(project: Path, target: Path, left_out: tuple[str, ...] = ()) -> dict[str, bytes]:
    with open_checkout(project, environment()) as checkout:
        checkout.export(target, left_out)
    return files_below(target)


def _changes(project: Path) -> tuple[str, ...]:
    return changes_of(project, environment())


def test_the_files_of_the_commit_are_exported(project: Path, tmp_path: Path) -> None:
    (project / "ignored.txt").write_text("a secret of this machine")

    assert _changes(project) == ()
    assert _export(project, tmp_path / "target") == COMMITTED


def test_declared_data_are_left_out(project: Path, tmp_path: Path) -> None:
    exported = _export(project, tmp_path / "target", ("notes", "src/model/train.py"))

    assert exported.keys() == COMMITTED.keys() - {"notes/readme.txt", "src/model/train.py"}


def test_a_project_below_the_top_of_its_repository_is_exported_alone(
    project: Path, tmp_path: Path
) -> None:
    shutil.copytree(project / "src", project / "models" / "one" / "src")
    commit(project)

    assert _export(project / "models/one", tmp_path / "t") == {"src/model/train.py": b"x = 1\n"}
    (project / "notes/readme.txt").write_text("changed beside it")
    assert _changes(project / "models" / "one") == ()


CHANGES: dict[str, Callable[[Path], object]] = {
    "src/model/train.py": lambda root: (root / "src/model/train.py").write_text("x = 2\n"),
    "compliance/card.md": lambda root: (root / "compliance/card.md").unlink(),
    "new.txt": lambda root: (root / "new.txt").write_text("new"),
    "src/model/new.py": lambda root: (root / "src/model/new.py").write_text("new"),
    "notes/readme.txt": lambda root: (root / "notes/readme.txt").chmod(0o755),
    "goldenpath.toml": lambda root: _replace_by_link(root / "goldenpath.toml"),
}


def _replace_by_link(path: Path) -> None:
    copy = path.parents[1] / "copy"
    shutil.copyfile(path, copy)
    path.unlink()
    path.symlink_to(copy)


def _nothing(root: Path) -> None:
    """The index as it is."""


def _assume_unchanged(root: Path) -> None:
    git(root, "update-index", "--assume-unchanged", *FILES)


def _skip_worktree(root: Path) -> None:
    git(root, "update-index", "--skip-worktree", *FILES)


def _exclude_all(root: Path) -> None:
    (root / ".git" / "info" / "exclude").write_text("*\n")


def _configured_excludes(root: Path) -> None:
    (root.parent / "ignore-all").write_text("*\n")
    git(root, "config", "core.excludesFile", str(root.parent / "ignore-all"))


def _missing_filter(root: Path) -> None:
    (root / ".git" / "info" / "attributes").write_text("* filter=lfs\n")
    git(root, "config", "filter.lfs.required", "true")
    git(root, "config", "filter.lfs.clean", "git-lfs-not-here clean -- %f")


def _ignored_mode(root: Path) -> None:
    git(root, "config", "core.fileMode", "false")


def _no_index(root: Path) -> None:
    (root / ".git" / "index").unlink()


def _replaced_object(root: Path) -> None:
    other = root.parent / "other"
    other.write_text("x = 2\n")
    name = git(root, "hash-object", "-w", str(other)).strip()
    git(root, "replace", git(root, "rev-parse", "HEAD:src/model/train.py").strip(), name)


HIDERS = (
    _nothing, _assume_unchanged, _skip_worktree, _exclude_all, _configured_excludes,
    _missing_filter, _ignored_mode, _no_index, _replaced_object,
)  # fmt: skip


@pytest.mark.parametrize("name", sorted(CHANGES))
@pytest.mark.parametrize("hide", HIDERS)
def test_a_change_is_seen_whatever_hides_it(
    project: Path, name: str, hide: Callable[[Path], None]
) -> None:
    hide(project)
    assert _changes(project) == ()
    CHANGES[name](project)

    assert name in _changes(project)


@pytest.mark.parametrize("hide", HIDERS)
def test_nothing_that_hides_a_change_brings_it_into_the_release(
    project: Path, tmp_path: Path, hide: Callable[[Path], None]
) -> None:
    hide(project)
    with open_checkout(project, environment()) as checkout:
        (project / "src/model/train.py").write_text("x = 2\n")
        (project / "src/model/new.py").write_text("new")
        checkout.export(tmp_path / "target", ())

    assert files_below(tmp_path / "target") == COMMITTED


def _damage_index(root: Path) -> None:
    (root / ".git" / "index").write_bytes(b"not an index")


def _damage_config(root: Path) -> None:
    (root / ".git" / "config").write_text("[core\n")


def _lose_object(root: Path) -> None:
    name = git(root, "rev-parse", "HEAD:src").strip()
    (root / ".git" / "objects" / name[:2] / name[2:]).unlink()


def _lose_commit(root: Path) -> None:
    name = git(root, "rev-parse", "HEAD").strip()
    (root / ".git" / "objects" / name[:2] / name[2:]).unlink()


def _unknown_extension(root: Path) -> None:
    git(root, "config", "core.repositoryFormatVersion", "9")


@pytest.mark.parametrize(
    "damage", [_damage_index, _damage_config, _lose_object, _lose_commit, _unknown_extension]
)
def test_what_cannot_be_found_out_is_never_clean(
    project: Path, damage: Callable[[Path], None]
) -> None:
    damage(project)

    with pytest.raises(Unavailable):
        _changes(project)


def test_an_object_that_is_not_what_its_name_says_is_refused(project: Path, tmp_path: Path) -> None:
    name = git(project, "rev-parse", "HEAD:src/model/train.py").strip()
    (tmp_path / "other").write_text("x = 2\n")
    other = git(project, "hash-object", "-w", str(tmp_path / "other")).strip()
    objects = project / ".git" / "objects"
    original, forged = (objects / each[:2] / each[2:] for each in (name, other))
    original.unlink()
    shutil.copyfile(forged, original)

    with pytest.raises((VerificationError, Unavailable)):
        _export(project, tmp_path / "target")


def test_a_missing_object_is_no_empty_file(project: Path, tmp_path: Path) -> None:
    name = git(project, "rev-parse", "HEAD:src/model/train.py").strip()
    (project / ".git" / "objects" / name[:2] / name[2:]).unlink()

    with pytest.raises(Unavailable):
        _export(project, tmp_path / "target")


@pytest.mark.parametrize(
    ("place", "target"),
    [
        ("compliance/notes.md", "../../keys/release.pem"),
        ("compliance/notes.md", "card.md"),
        ("compliance/environment", "/proc/self/environ"),
        ("compliance/deep/folder", "../../.."),
        ("src/model/key.py", "/etc/passwd"),
        ("uv.lock", "../uv.lock"),
        ("pyproject.toml", "goldenpath.toml"),
    ],
)
@pytest.mark.parametrize("is_committed", [True, False])
def test_links_where_we_read_are_refused_with_a_cure(
    project: Path, tmp_path: Path, place: str, target: str, is_committed: bool
) -> None:
    (project / place).parent.mkdir(parents=True, exist_ok=True)
    (project / place).symlink_to(target)
    if is_committed:
        commit(project)

    with pytest.raises(InvalidInput) as refused:
        _export(project, tmp_path / "target")

    assert place in refused.value.message
    assert "replace the link" in (refused.value.hint or "")


def test_a_folder_that_is_a_link_is_refused(project: Path, tmp_path: Path) -> None:
    shutil.move(project / "compliance", tmp_path / "elsewhere")
    (project / "compliance").symlink_to(tmp_path / "elsewhere")

    assert "compliance/card.md" in _changes(project)
    with pytest.raises(InvalidInput):
        _export(project, tmp_path / "target")


def test_a_link_elsewhere_stays_a_link(project: Path, tmp_path: Path) -> None:
    (project / "notes" / "link").symlink_to("/etc/passwd")
    commit(project)

    assert _changes(project) == ()
    assert "notes/link" not in _export(project, tmp_path / "target")
    assert (tmp_path / "target" / "notes" / "link").readlink() == Path("/etc/passwd")


def test_a_submodule_is_refused_with_a_cure(project: Path, tmp_path: Path) -> None:
    make_project(tmp_path / "other")
    git(
        project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
        str(tmp_path / "other"), "other",
    )  # fmt: skip
    commit(project)

    with pytest.raises(InvalidInput, match="other is a submodule") as refused:
        _changes(project)
    assert refused.value.hint


def _pointer(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://lfs.example/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def test_a_file_of_git_lfs_counts_if_it_is_what_its_pointer_names(
    project: Path, tmp_path: Path
) -> None:
    content = b"rows" * 1000
    (project / "notes" / "rows").write_text(_pointer(content))
    commit(project)
    assert _changes(project) == (), "not pulled yet"
    assert _export(project, tmp_path / "one")["notes/rows"] == _pointer(content).encode()

    (project / "notes" / "rows").write_bytes(content)

    assert _changes(project) == ()
    assert _export(project, tmp_path / "two")["notes/rows"] == content


@pytest.mark.parametrize("other", [b"rows" * 999, b"rowz" * 1000, b""])
def test_a_file_of_git_lfs_that_differs_from_its_pointer_is_a_change(
    project: Path, other: bytes
) -> None:
    (project / "notes" / "rows").write_text(_pointer(b"rows" * 1000))
    commit(project)

    (project / "notes" / "rows").write_bytes(other)

    assert _changes(project) == ("notes/rows",)


def test_line_ends_that_an_attribute_demands_are_no_change(project: Path, tmp_path: Path) -> None:
    (project / ".gitattributes").write_text("*.txt text eol=crlf\n")
    commit(project)
    (project / "notes" / "readme.txt").write_bytes(b"notes\r\n")

    assert _changes(project) == ()
    assert _export(project, tmp_path / "target")["notes/readme.txt"] == b"notes\n"


def test_a_dirty_build_uses_the_work_tree(project: Path, tmp_path: Path) -> None:
    (project / "src/model/train.py").write_text("x = 2\n")
    (project / "new.txt").write_text("new")
    (project / "ignored.txt").write_text("ignored")

    exported = _export(project, tmp_path / "target")

    assert exported["src/model/train.py"] == b"x = 2\n"
    assert exported["new.txt"] == b"new"
    assert "ignored.txt" not in exported


def _source(path: str) -> DataSource:
    return DataSource("rows", path, "sha256:" + "0" * 64, "d", "s", "l")


@pytest.mark.parametrize("path", ["../rows", "/etc/passwd", "data/../../rows"])
def test_data_outside_the_project_are_refused(project: Path, path: str) -> None:
    with pytest.raises(InvalidInput, match="outside the project"):
        data_in_project(project, (_source(path),))


def test_data_behind_a_link_are_refused_with_a_cure(project: Path, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("rows")
    (project / "data").symlink_to(tmp_path)

    with pytest.raises(InvalidInput, match="data is a link") as refused:
        data_in_project(project, (_source("data/rows"),))
    assert refused.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="SKIPPED: only root can give a folder away")
def test_a_folder_of_another_user_is_named_as_such(project: Path) -> None:
    for path in (project, *project.rglob("*")):
        os.chown(path, 54321, 54321, follow_symlinks=False)

    with pytest.raises(GoldenPathError, match="dubious ownership") as refused:
        _changes(project)
    assert "safe.directory" in (refused.value.hint or "")


def test_a_repository_with_sha256_names_is_read(tmp_path: Path) -> None:
    project = tmp_path / "project"
    git(tmp_path, "init", "--quiet", "--object-format", "sha256", str(project))
    (project / "file").write_text("x")
    commit(project)

    assert _changes(project) == ()
    assert _export(project, tmp_path / "target") == {"file": b"x"}
    (project / "file").write_text("y")
    assert _changes(project) == ("file",)


@pytest.mark.parametrize("folder", ["", "src", "src/model"])
def test_a_folder_that_is_not_what_its_name_says_is_refused(project: Path, folder: str) -> None:
    """Git reads most forged folders, and a work tree like them would count as the commit."""
    name = git(project, "rev-parse", f"HEAD:{folder}").strip()
    renamed = {"": b"notes", "src": b"model", "src/model": b"train.py"}[folder]
    other = renamed[:-1] + b"z"
    forge(project, name, b"tree", lambda content: content.replace(renamed, other))
    (project / folder / renamed.decode()).rename(project / folder / other.decode())

    with pytest.raises((VerificationError, Unavailable), match=r"damaged|hash mismatch"):
        _changes(project)


def test_a_commit_that_is_not_what_its_name_says_is_refused(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    forge(project, head, b"commit", lambda content: content.replace(b"author ", b"author An "))

    with pytest.raises((VerificationError, Unavailable), match=r"damaged|hash mismatch"):
        _changes(project)


def test_a_folder_above_the_project_is_compared_too(project: Path) -> None:
    shutil.copytree(project / "src", project / "models" / "one" / "src")
    commit(project)
    name = git(project, "rev-parse", "HEAD:models").strip()
    forge(project, name, b"tree", lambda content: content.replace(b"one", b"two"))
    (project / "models" / "one").rename(project / "models" / "two")

    with pytest.raises((VerificationError, Unavailable), match=r"damaged|hash mismatch"):
        _changes(project / "models" / "two")


def test_a_linked_worktree_is_a_work_tree_like_any_other(project: Path, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    git(project, "worktree", "add", "--quiet", "-b", "other", str(beside))
    assert (beside / ".git").is_file()

    assert _changes(beside) == ()
    assert _export(beside, tmp_path / "target") == COMMITTED
    (beside / "src" / "model" / "train.py").write_text("changed = True\n")
    assert [change for change in _changes(beside) if "train.py" in change]
    assert _changes(project) == (), "the other work tree is as it was"
