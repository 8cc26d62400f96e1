"""What uv starts reads no key and no password, and leaves nothing: with a real uv and backends."""

import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

from goldenpath.errors import GoldenPathError, InvalidInput, Unavailable
from goldenpath.processes.confinement import Sandbox, interpreter_files
from goldenpath.train.environment.locked_environment import make_environment
from goldenpath.train.environment.uv_program import Uv
from tests.confined import confined
from tests.starter import UV, environment
from tests.train.source.repositories import git

HERE = confined()
pytestmark = pytest.mark.skipif(
    not HERE.confines_files, reason="SKIPPED: this kernel confines no files"
)
BACKEND = """
import os
def attempt(name, call):
    try:
        print("REACHED", name, call())
    except (OSError, KeyError):
        pass
def get_requires_for_build_wheel(config=None): return []
def build_wheel(folder, config=None, metadata=None):
    attempt("key", lambda: open({key!r}).read())
    try:
        open({beside!r}, "w").write("x")
    except OSError:
        pass
    attempt("cache", lambda: os.listdir({cache!r}))
    attempt("password", lambda: os.environ["UV_INDEX_BANK_PASSWORD"])
    attempt("index", lambda: os.environ["UV_INDEX_URL"])
    attempt("netrc", lambda: open({netrc!r}).read())
    attempt("builder", lambda: open("/proc/{builder}/environ").read())
    raise SystemExit("THE BACKEND RAN")
"""
PROJECT = """
[project]
name = "model"
version = "0.1"
requires-python = "==3.11.*"
dependencies = ["helper"]
[tool.uv.sources]
helper = { path = "helper-1.0.tar.gz" }
"""


def _tools(home: Path) -> dict[str, str]:
    return {
        **environment(),
        "HOME": str(home),
        "UV_INDEX_BANK_PASSWORD": "geheim",
        "UV_INDEX_URL": "https://user:geheim@index.bank.example/simple",
        "UV_CACHE_DIR": str(home / "cache"),
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that depends on a package with a build backend of its own, and its lock."""
    home, root = tmp_path / "user", tmp_path / "project"
    (home / "cache").mkdir(parents=True)
    root.mkdir()
    for path in (tmp_path / "key", home / ".netrc"):
        path.write_text("secret")
    backend = BACKEND.format(
        key=str(tmp_path / "key"), beside=str(tmp_path / "made" / "complete"),
        cache=str(home / "cache"), netrc=str(home / ".netrc"), builder=os.getpid(),
    )  # fmt: skip
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    files = {
        "pyproject.toml": f'[project]\nname = "helper"\nversion = "1.0"\n{system}',
        "backend.py": backend,
        "PKG-INFO": "Metadata-Version: 2.1\nName: helper\nVersion: 1.0\n",
    }
    with tarfile.open(root / "helper-1.0.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"helper-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    (root / "pyproject.toml").write_text(PROJECT)
    shop = Uv(UV, _tools(home), HERE)
    locked = shop._run(["lock", "--offline", "--quiet"], root, _everything(tmp_path), _tools(home))
    assert locked.returncode == 0, locked.stderr
    return root


def _everything(folder: Path) -> Sandbox:
    return Sandbox(
        writable=(folder,), readable=(Path(UV), *interpreter_files(Path(sys.executable)))
    )


def test_a_package_without_a_wheel_is_not_built_unless_the_network_is_declared(
    project: Path, tmp_path: Path
) -> None:
    shop = Uv(UV, _tools(tmp_path / "user"), HERE)

    with pytest.raises(InvalidInput, match="has no wheel that fits") as refused:
        make_environment(project, tmp_path / "made" / "environment", shop)

    assert "THE BACKEND RAN" not in refused.value.message
    assert "training.network" in (refused.value.hint or "")


def test_a_backend_reaches_no_key_no_password_and_no_cache(project: Path, tmp_path: Path) -> None:
    shop = Uv(UV, _tools(tmp_path / "user"), HERE)

    with pytest.raises(Unavailable, match="THE BACKEND RAN") as ran:
        make_environment(project, tmp_path / "made" / "environment", shop, network=True)

    assert "REACHED" not in ran.value.message
    assert not (tmp_path / "made" / "complete").exists()


def test_an_environment_whose_interpreter_was_replaced_is_refused(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    git(tmp_path, "init", "--quiet", "project")
    text = PROJECT.replace('"helper"', "").split("[tool")[0]
    (tmp_path / "project" / "pyproject.toml").write_text(text)
    shop = Uv(UV, environment(), HERE)
    lock = shop.check(["lock", "--offline", "--quiet"], tmp_path / "project")
    assert lock.returncode == 0, lock.stderr
    (tmp_path / "project" / "uv.lock").write_text(
        'version = 1\nrequires-python = "==3.11.*"\n\n[[package]]\nname = "model"\n'
        'version = "0.1"\nsource = { virtual = "." }\n'
    )
    folder = tmp_path / "made" / "environment"
    python = make_environment(tmp_path / "project", folder, shop)
    assert python.resolve() == shop.python

    from goldenpath.train.environment.locked_environment import own_interpreter

    python.unlink()
    python.write_text("#!/bin/sh\n")
    with pytest.raises(GoldenPathError, match="a package replaced the interpreter"):
        own_interpreter(folder, shop)
