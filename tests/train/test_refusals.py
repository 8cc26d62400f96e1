"""Trainings that must not become a release, and the messages with which they are refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.project.load import load_project
from tests.sizes import full_size
from tests.train.conftest import ONCE, Quick, train_here


def test_a_missing_lock_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "uv.lock").unlink()

    with pytest.raises(InvalidInput, match=r"uv\.lock is missing"):
        train_here(load_project(project), tmp_path / "work")


def test_a_stale_lock_is_refused(quick: Quick, tmp_path: Path) -> None:
    quick.edit("pyproject.toml", '  "numpy",\n', '  "numpy",\n  "joblib",\n')

    with pytest.raises(InvalidInput, match="is stale"):
        quick.train(tmp_path / "work")


def test_a_lock_that_names_another_index_is_refused(quick: Quick, tmp_path: Path) -> None:
    project = replace(load_project(quick.folder), indexes=("https://index.bank.example/simple",))

    with pytest.raises(InvalidInput, match="sources that are not allowed"):
        train_here(project, tmp_path / "work")
    assert not (tmp_path / "work" / "made").exists()


def test_data_that_changed_are_refused(project: Path, tmp_path: Path) -> None:
    with (project / "data/clients.parquet").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(InvalidInput, match="has changed since it was pinned"):
        train_here(load_project(project), tmp_path / "work")


def test_a_project_without_a_commit_is_refused(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / ".git")

    with pytest.raises(InvalidInput, match="has no commit"):
        train_here(load_project(project), tmp_path / "work")


def test_a_dirty_tree_is_recorded(quick: Quick, tmp_path: Path) -> None:
    quick.write("pass")
    (quick.folder / "notes.txt").write_text("not committed")

    assert quick.train(tmp_path / "work").run.source.dirty


def test_lint_and_tests_that_fail_are_recorded(quick: Quick, tmp_path: Path) -> None:
    (quick.folder / "tests/test_nothing.py").write_text("import os\ndef test_no():\n    assert 0\n")

    checks = {check.name: check for check in quick.run("pass", tmp_path / "work").run.checks}
    assert not checks["lint"].passed
    assert "F401" in checks["lint"].detail
    assert not checks["tests"].passed
    assert "1 failed" in checks["tests"].detail


_REFUSED = full_size("test_a_training_that_fails_or_writes_other_files_is_refused")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('too few clients')", "ValueError: too few clients"),
        pytest.param("import os; os._exit(3)", "ended with status 3", marks=_REFUSED),
        pytest.param("import os; os._exit(0)", "ended with status 0", marks=_REFUSED),
        pytest.param("import os; os.kill(os.getpid(), 9)", "ended with signal 9", marks=_REFUSED),
        pytest.param("import goldenpath", "No module named 'goldenpath'", marks=_REFUSED),
        ("(output / 'model.onnx').unlink()", "wrote no model.onnx"),
        pytest.param(
            "(output / 'notes.md').touch()",
            "wrote notes.md, which it does not declare",
            marks=_REFUSED,
        ),
        ("(output / 'key').symlink_to('/etc/passwd')", "wrote key, which it does not declare"),
        pytest.param(
            "(output / 'model.onnx').unlink(); (output / 'model.onnx').symlink_to('/etc/passwd')",
            "wrote model.onnx, which is not a regular file",
            marks=_REFUSED,
        ),
        ("(output / 'model.onnx').write_bytes(b'x')", "not an ONNX graph that runs here"),
        pytest.param(
            "(output / 'reference.parquet').write_bytes(b'x')", "not a Parquet file", marks=_REFUSED
        ),
        pytest.param("data['clients'].open('ab').write(b'x')", "OSError", marks=_REFUSED),
        pytest.param(
            "Path('/dev/full').write_bytes(b'x')", "No space left on device", marks=_REFUSED
        ),
    ],
)
def test_a_training_that_fails_or_writes_other_files_is_refused(
    quick: Quick, tmp_path: Path, body: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        quick.run(body, tmp_path / "work")

    assert message in caught.value.message


def test_a_training_that_gives_something_else_each_time_is_refused(
    quick: Quick, tmp_path: Path
) -> None:
    quick.edit("goldenpath.toml", ONCE, "")
    # A comment in the graph, of four characters: it loads, and differs each time.
    comment = "b'\\x32\\x04' + __import__('os').urandom(2).hex().encode()"

    with pytest.raises(InvalidInput, match=r"two runs on a sample differ in model\.onnx"):
        quick.run(f"(output / 'model.onnx').open('ab').write({comment})", tmp_path / "work")


def test_a_training_that_hangs_is_killed(quick: Quick, tmp_path: Path) -> None:
    quick.edit("goldenpath.toml", "time_limit = 600", "time_limit = 1")

    with pytest.raises(InvalidInput, match="killed after its time limit of 1 seconds"):
        quick.run("while True: pass", tmp_path / "work")


def test_a_training_that_declares_it_need_not_be_repeatable(quick: Quick, tmp_path: Path) -> None:
    assert ONCE in (quick.folder / "goldenpath.toml").read_text()
    quick.edit("goldenpath.toml", 'outputs = ["model.onnx"', 'outputs = ["noise", "model.onnx"')

    run = quick.run("(output / 'noise').write_bytes(__import__('os').urandom(4))", tmp_path / "w")

    assert "same output twice" not in {check.name for check in run.run.checks}


def test_a_training_sees_no_secret_and_no_home(quick: Quick, tmp_path: Path) -> None:
    body = "import os; raise ValueError(sorted(os.environ))"

    with pytest.raises(InvalidInput) as caught:
        quick.run(body, tmp_path / "work")

    variables = caught.value.message
    assert "PYTHONHASHSEED" in variables
    assert "GIT_AUTHOR_NAME" not in variables
    assert "UV_PYTHON" not in variables


def test_a_work_folder_that_cannot_be_made_is_an_error(project: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(Unavailable, match="cannot be used as work folder"):
        train_here(load_project(project), tmp_path / "file" / "work")
