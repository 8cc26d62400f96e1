"""The lock is judged by one function, for `goldenpath check` and for the build."""

from collections.abc import Callable
from pathlib import Path

import pytest

from goldenpath.compose.building import project_faults
from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.home import Home
from goldenpath.train.environment.lock_check import accepted_lock, lock_faults
from goldenpath.train.environment.uv_program import Uv
from tests.confined import confined
from tests.starter import UV, environment

SHOP = Uv(UV, environment(), confined())


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def _stale(root: Path) -> None:
    _edit(root / "pyproject.toml", '  "numpy",\n', '  "numpy",\n  "joblib",\n')


def _stale_version(root: Path) -> None:
    _edit(root / "pyproject.toml", '  "numpy",\n', '  "numpy<1",\n')


def _stale_python(root: Path) -> None:
    _edit(root / "pyproject.toml", 'requires-python = "==3.11.*"', 'requires-python = ">=3.12"')


def _two_indexes(root: Path) -> None:
    text = (root / "uv.lock").read_text()
    address = text.partition('registry = "')[2].partition('"')[0]
    _edit(root / "uv.lock", address, "https://download.example/whl/cpu")


def _path_dependency(root: Path) -> None:
    lock = (root / "uv.lock").read_text()
    package = '\n[[package]]\nname = "house"\nversion = "1.0"\nsource = { editable = "../house" }\n'
    (root / "uv.lock").write_text(lock + package)


def _other_host(root: Path) -> None:
    text = (root / "uv.lock").read_text()
    host = text.partition('url = "https://')[2].partition("/")[0]
    _edit(root / "uv.lock", f"https://{host}/", "https://evil.example/")


def _no_hash(root: Path) -> None:
    text = (root / "uv.lock").read_text()
    _edit(
        root / "uv.lock", 'hash = "' + text.partition('hash = "')[2].partition('"')[0], 'hash = "'
    )


def _malformed(root: Path) -> None:
    (root / "uv.lock").write_text("version = ")


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "another package": (_stale, "is stale"),
    "another version": (_stale_version, "is stale"),
    "another Python": (_stale_python, "is stale|another Python"),
    "two indexes": (_two_indexes, "names several indexes"),
    "a path": (_path_dependency, "house comes from editable"),
    "another host": (_other_host, "comes from the host evil.example"),
    "no hash": (_no_hash, "without a SHA-256"),
    "malformed": (_malformed, "not valid TOML"),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_check_and_build_refuse_the_same_locks_with_the_same_words(
    project: Path, name: str
) -> None:
    change, message = CASES[name]
    assert list(lock_faults(project, SHOP, (), ())) == []
    change(project)

    with pytest.raises((InvalidInput, Unavailable), match=message) as refused:
        accepted_lock(project, SHOP, (), ())
    if isinstance(refused.value, InvalidInput):
        (fault,) = lock_faults(project, SHOP, (), ())
        assert fault.got == refused.value.message
        assert fault.hint


def test_check_lists_the_fault_of_the_lock_beside_the_others(project: Path) -> None:
    whole = project_faults(Home(project / "home"), project)
    assert {each.got for each in whole} == {"'not filled: demonstration'"}
    _stale(project)
    (project / "compliance" / "card.md").unlink()

    files = [fault.file for fault in project_faults(Home(project / "home"), project)]

    assert "uv.lock" in files
    assert "compliance/card.md" in files


def test_a_project_for_another_python_is_told_so_and_to_change_it(project: Path) -> None:
    _edit(
        project / "pyproject.toml", 'requires-python = "==3.11.*"', 'requires-python = "==3.99.*"'
    )

    with pytest.raises(InvalidInput, match="another Python") as refused:
        accepted_lock(project, SHOP, (), ())

    assert refused.value.exit_code == 2
    assert "requires-python" in (refused.value.hint or "")


def test_a_project_without_any_lock_is_told_to_make_one(project: Path) -> None:
    (project / "uv.lock").unlink()

    (fault,) = (
        each for each in project_faults(Home(project / "h"), project) if each.file == "uv.lock"
    )
    with pytest.raises(InvalidInput, match="is missing") as refused:
        accepted_lock(project, SHOP, (), ())

    assert fault.hint == refused.value.hint == "run uv lock"


def test_check_reads_nothing_behind_a_link(project: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("BUILD KEY")
    (project / "compliance" / "thresholds.yaml").unlink()
    (project / "compliance" / "thresholds.yaml").symlink_to(tmp_path / "key")

    (fault,) = project_faults(Home(project / "home"), project)

    assert fault.file == "compliance/thresholds.yaml"
    assert "BUILD KEY" not in str(fault)


def test_the_check_leaves_the_project_as_it_is(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    _ = tuple(lock_faults(project, SHOP, (), ()))

    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_a_uv_that_is_missing_is_no_fault_of_the_project(project: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be started"):
        tuple(lock_faults(project, Uv("/absent/uv", environment(), SHOP.confinement), (), ()))
