"""A project that attacks the machine that builds it: every attempt is made for real.

The training reports what it reached by an error, so that the message of the build shows it.
"""

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from goldenpath.errors import GoldenPathError, InvalidInput
from goldenpath.processes.confinement import confine
from goldenpath.processes.sandbox.request import LANDLOCK, NAMESPACES, PROCESSES, VIEW
from goldenpath.project.load import load_project
from goldenpath.train.environment.lock_check import accepted_lock
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.run import Trained, train
from tests.confined import confined
from tests.quick_project import commit
from tests.sizes import full_size
from tests.starter import KEPT, NOW, UV, environment
from tests.train.conftest import Quick

HERE = confined()
pytestmark = pytest.mark.skipif(
    not {PROCESSES, VIEW} <= set(HERE.measures), reason="SKIPPED: this kernel gives no namespaces"
)
REACHED = """
        import json, os, signal, socket
        reached = []
        def attempt(name, call):
            try:
                call()
            except (OSError, KeyError):
                return
            reached.append(name)
"""


def _reached(quick: Quick, work: Path, **attempts: str) -> list[str]:
    """Run a training that makes the attempts. Returns the names of those that succeeded."""
    lines = "".join(f"    attempt({name!r}, lambda: {call})\n" for name, call in attempts.items())
    setup = REACHED.replace("\n        ", "\n    ").strip()
    with pytest.raises(InvalidInput) as caught:
        quick.run(f"{setup}\n{lines}    raise ValueError('REACHED ' + json.dumps(reached))", work)
    (line,) = (x for x in caught.value.message.splitlines() if x.startswith("ValueError: REACHED"))
    reached: list[str] = json.loads(line.partition("REACHED ")[2])
    return reached


def test_a_training_reaches_nothing_of_the_machine(quick: Quick, tmp_path: Path) -> None:
    home, beside = tmp_path / ".goldenpath", tmp_path / "keys" / "me"
    for path in (home / "keys" / "release.pem", beside, quick.folder / "secret.env"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a key")
    ignored = (quick.folder / ".gitignore").read_text()
    (quick.folder / ".gitignore").write_text(f"{ignored}\nsecret.env\n")
    builder = os.getpid()
    own = "(Path(__file__).parents[2] / 'goldenpath.toml').read_text()"

    reached = _reached(
        quick, home / "builds" / "work",
        own_files=own,
        build_key=f"open({str(home / 'keys/release.pem')!r}).read()",
        key_beside=f"open({str(beside)!r}).read()",
        ignored_file=f"open({str(quick.folder / 'secret.env')!r}).read()",
        ignored_copy="(Path(__file__).parents[2] / 'secret.env').read_text()",
        git=f"os.listdir({str(quick.folder / '.git')!r})",
        git_copy="os.listdir(Path(__file__).parents[2] / '.git')",
        home_of_the_user=f"os.listdir({str(Path.home() / '.cache')!r})",
        environment_of_the_builder=f"open('/proc/{builder}/environ').read()",
        memory_of_the_builder=f"open('/proc/{builder}/mem', 'rb')",
        signal=f"os.kill({builder}, 0)",
        shadow="open('/etc/shadow')",
        network="socket.create_connection(('127.0.0.1', 22), 1)",
        secret_variable="os.environ['GIT_AUTHOR_NAME']",
        data_for_writing="data['clients'].open('ab')",
        mode_of_the_data="data['clients'].chmod(0o777)",
        other_work_folders="os.listdir(output.parent / 'source')",
        our_code=f"open({str(Path(__file__))!r})",
    )  # fmt: skip

    assert reached == ["own_files"]


def test_what_a_training_changes_in_its_copy_reaches_neither_release_nor_later_programs(
    quick: Quick, tmp_path: Path
) -> None:
    body = (
        "here = Path(__file__)\n"
        "    if (here.parent / 'marker').exists():\n"
        "        raise ValueError('the copy of another program')\n"
        "    (here.parent / 'marker').write_text('x')\n"
        "    (here.parents[2] / 'compliance' / 'card.md').write_text('forged')\n"
        "    here.write_text('changed')"
    )

    trained = quick.run(body, tmp_path / "work")

    assert "forged" not in (trained.source / "compliance" / "card.md").read_text()
    assert not (trained.source / "src" / "credit_default" / "marker").exists()
    assert not trained.run.source.dirty


def test_nothing_of_a_build_outlives_it(quick: Quick, tmp_path: Path) -> None:
    marker = f"orphan-of-{os.getpid()}"
    body = (
        "import os, sys\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            code = 'import time; time.sleep(600)'\n"
        f"            os.execv(sys.executable, [sys.executable, '-c', code, '{marker}'])\n"
        "        os._exit(0)"
    )

    quick.run(body, tmp_path / "work")

    time.sleep(0.2)
    commands = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    assert not [text for text in commands if marker.encode() in text]


_WITHOUT = full_size("test_a_machine_that_lacks_something_builds_says_so_and_records_it")


def test_the_record_names_what_confined_the_build(brief: Trained) -> None:
    assert brief.run.confinement == HERE.measures


@pytest.mark.parametrize(
    "without",
    [
        frozenset(NAMESPACES),
        pytest.param(frozenset({LANDLOCK}), marks=_WITHOUT),
        # Nothing confines files then, so the build makes 500 MB of packages of its own.
        pytest.param(frozenset({*NAMESPACES, LANDLOCK}), marks=_WITHOUT),
    ],
)
def test_a_machine_that_lacks_something_builds_says_so_and_records_it(
    quick: Quick, tmp_path: Path, without: frozenset[str]
) -> None:
    said: list[str] = []
    weaker = confine(without)
    quick.write("pass")

    trained = train(
        load_project(quick.folder), tmp_path / "work", uv=UV, now=lambda: NOW, report=said.append,
        tools=environment(), kept=KEPT, confinement=weaker,
    )  # fmt: skip

    assert not without & set(trained.run.confinement or ())
    warnings = [line for line in said if line.startswith("WARNING")]
    assert len(warnings) == len(weaker.weaknesses)
    assert bool(warnings) == bool(without & set(NAMESPACES))


def test_the_network_is_there_for_a_project_that_declares_it(quick: Quick, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        call = f"socket.create_connection({server.getsockname()!r}, 5)"
        assert _reached(quick, tmp_path / "one", network=call) == []
        quick.edit("goldenpath.toml", "threads = 1", "threads = 1\nnetwork = true")
        quick.edit("goldenpath.toml", "credit_default.quick:train", "credit_default.train:train")
        assert _reached(quick, tmp_path / "two", network=call) == ["network"]


BACKEND = """
import pathlib
here = pathlib.Path(__file__).resolve().parent
try:
    {action}
except OSError:
    pass
def get_requires_for_build_wheel(config=None): return []
get_requires_for_build_editable = get_requires_for_build_wheel
def prepare_metadata_for_build_wheel(folder, config=None):
    info = pathlib.Path(folder) / "my_model-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\\nName: my-model\\nVersion: 0.1.0\\nRequires-Python: ==3.11.*\\n")
    return info.name
prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel
"""
DYNAMIC = """
[project]
name = "my-model"
version = "0.1.0"
requires-python = "==3.11.*"
dynamic = ["dependencies"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
LOCK = """
version = 1
revision = 3
requires-python = "==3.11.*"

[[package]]
name = "my-model"
version = "0.1.0"
source = { editable = "." }
"""


def test_the_build_backend_of_a_project_runs_without_keys_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    root, key, loot = tmp_path / "model", tmp_path / "release.pem", tmp_path / "loot"
    root.mkdir()
    key.write_text("BUILD KEY")
    action = f"pathlib.Path({str(loot)!r}).write_text(open({str(key)!r}).read())"
    (root / "pyproject.toml").write_text(DYNAMIC)
    (root / "backend.py").write_text(BACKEND.format(action=action))
    (root / "uv.lock").write_text(LOCK)

    try:
        accepted_lock(root, Uv(UV, environment(), HERE), (), ())
        was_accepted = True
    except GoldenPathError:
        was_accepted = False

    assert not loot.exists()
    (root / "backend.py").write_text(BACKEND.format(action="raise SystemExit('THE BACKEND RAN')"))
    with pytest.raises(GoldenPathError, match="THE BACKEND RAN"):
        accepted_lock(root, Uv(UV, environment(), HERE), (), ())
    assert was_accepted


def test_a_link_to_a_key_never_becomes_a_document(quick: Quick, tmp_path: Path) -> None:
    key = tmp_path / "release.pem"
    key.write_text("BUILD KEY")
    project = load_project(quick.folder)
    (quick.folder / "compliance" / "notes.md").symlink_to(key)
    commit(quick.folder)

    with pytest.raises(InvalidInput, match=r"notes\.md is a link"):
        train(
            replace(project), tmp_path / "work", uv=UV, now=lambda: NOW, report=lambda _: None,
            tools=environment(),
        )  # fmt: skip
    with pytest.raises(InvalidInput, match=r"notes\.md"):
        load_project(quick.folder)
