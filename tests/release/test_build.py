"""`goldenpath build` as a user runs it: the real starter, a real home, a real process."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from goldenpath.digest import Digest
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.release.attest.documents import read_candidate
from goldenpath.release.attest.statement import PROVENANCE
from goldenpath.release.attest.verify import gather
from goldenpath.release.evidence.attached_rows import fetch_rows
from goldenpath.release.evidence.contributions import Contributions, parse_contributions
from goldenpath.release.evidence.provenance import read_provenance
from goldenpath.train.evaluation.evaluation_rows import MAX_BYTES, parse_rows
from tests.oci.stores.real import docker_registry
from tests.quick_project import commit, quicken
from tests.release.catalogue.tables import copy_empty_catalogue
from tests.sizes import full_size
from tests.starter import share_environments
from tests.verbs import run_verb

GOLDENPATH = Path(sys.executable).parent / "goldenpath"
pytestmark = pytest.mark.timeout(600)  # several whole builds, on a machine that may be busy


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "GOLDENPATH_HOME": str(home), "MLFLOW_TRACKING_URI": ""}


def _run(home: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return run_verb(words, environment=_environment(home), folder=folder)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A platform that was set up."""
    folder = tmp_path_factory.mktemp("platform")
    share_environments(folder / "home")
    copy_empty_catalogue(folder / "home" / "mlflow.db")
    done = _run(
        folder / "home", folder, "init", "--as", "engineer", "--key", "engineer", "--make-key"
    )
    assert done.returncode == 0, done.stderr.decode()
    return folder / "home"


@pytest.fixture(scope="module")
def copied(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of this module's own."""
    folder = tmp_path_factory.mktemp("project") / "credit-default"
    shutil.copytree(starter, folder)
    declared = (folder / "goldenpath.toml").read_text()
    few = "[training.parameters]\nsample = 900"
    (folder / "goldenpath.toml").write_text(declared.replace("[training.parameters]", few, 1))
    quicken(folder)
    return folder


def test_a_dirty_tree_is_refused_before_anything_is_made(home: Path, project: Path) -> None:
    changed = project / "src" / "credit_default" / "model.py"
    changed.write_text(changed.read_text() + "# later\n")

    done = _run(home, project, "build")

    assert done.returncode == 2
    assert b"changes that are not committed" in done.stderr
    assert b"hint: " in done.stderr
    assert LayoutStore(home / "registry").tags() == ()


def _stop(home: Path, folder: Path, step: str, how: signal.Signals) -> int:
    """Starts a build and stops all of it, as a terminal does, once it says that it is at `step`."""
    # A shell that runs the tests in the background has them ignore Ctrl-C, and their children too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    build = subprocess.Popen(
        [GOLDENPATH, "build"],
        cwd=folder,
        env=_environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    assert build.stderr is not None
    with build.stderr as said:
        for line in said:
            if line.strip() == step:
                os.killpg(build.pid, how)
                break
        rest = said.read()
    assert "Traceback" not in rest
    return build.wait()


def _left(home: Path) -> list[str]:
    return [path.name for path in (home / "builds").iterdir() if path.is_dir()]


def test_a_build_that_was_stopped_leaves_nothing_and_the_next_one_is_the_same(
    home: Path, copied: Path
) -> None:
    store = LayoutStore(home / "registry")
    assert _stop(home, copied, "training on a sample", signal.SIGKILL) == -signal.SIGKILL
    assert _stop(home, copied, "making the locked environment", signal.SIGINT) == 130
    assert _left(home) == []  # what the killed one left, too

    built = _build(home, copied)

    digest = str(built["digest"])
    assert built["catalogue_version"] == "1"
    assert store.resolve(f"credit-default-{str(built['commit'])[:12]}").digest.text == digest
    verified = _run(home, copied, "verify", digest)
    assert verified.returncode == 0, verified.stdout.decode()
    run = msgspec.convert(built["run"], dict[str, object])
    content = fetch_rows(store, str(run["rows_digest"]), int(str(run["rows_size"])), MAX_BYTES)
    assert content is not None
    assert len(parse_rows(content)) == run["rows_evaluated"]
    contributions = _contributions(store, Digest(digest))
    assert contributions.gap == ""
    assert {"uv.lock", "src/credit_default/quick.py"} <= contributions.since(None).keys()


def _contributions(store: LayoutStore, digest: Digest) -> Contributions:
    """Who wrote which part, as the provenance says."""
    candidates = (read_candidate(each) for each in gather(store, digest).referrers)
    (made,) = (each.statement() for each in candidates if each.predicate_type == PROVENANCE)
    return parse_contributions(read_provenance(made.predicate).internal["contributions"])


@full_size("test_a_build_that_was_stopped_leaves_nothing_and_the_next_one_is_the_same")
def test_a_build_that_was_stopped_at_its_end_has_packed_what_the_next_one_gives(
    home: Path, quick: Path
) -> None:
    store = LayoutStore(home / "registry")
    before = store.tags()
    assert _stop(home, quick, "attesting and signing", signal.SIGINT) == 130
    assert (_left(home), store.tags()) == ([], before)
    packed = {path.name for path in (home / "registry" / "blobs" / "sha256").iterdir()}

    built = _build(home, quick)

    assert str(built["digest"]).removeprefix("sha256:") in packed


def _build(home: Path, folder: Path) -> dict[str, object]:
    done = _run(home, folder, "build", "--output", "json")
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=dict[str, object])


@pytest.fixture
def quick(copied: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(copied, tmp_path / "quick"))


def test_a_rehearsal_needs_no_platform_tells_what_failed_and_makes_nothing(
    quick: Path, tmp_path: Path
) -> None:
    (quick / "tests" / "test_nothing.py").write_text("import os\n\n\ndef test_no():\n    pass\n")
    share_environments(tmp_path / "none")

    done = _run(tmp_path / "none", quick, "build", "--smoke", "--output", "json")

    assert done.returncode == 2, done.stderr.decode()
    checks = msgspec.json.decode(done.stdout)["checks"]
    assert {each["name"]: each["passed"] for each in checks} == {
        "lint": False,
        "tests": True,
        "equality of the export": True,
        "smoke training": True,
    }
    left = [path for path in (tmp_path / "none").rglob("*") if path.is_file()]
    assert [path.name for path in left if path.name != "lock"] == []


@full_size("test_a_value_that_is_not_a_number_is_refused")
def test_a_training_that_gives_no_number_leaves_nothing_anywhere(home: Path, quick: Path) -> None:
    (quick / "src" / "credit_default" / "bad.py").write_text(
        "import numpy as np\nimport pyarrow as pa\nimport pyarrow.parquet as pq\n\n"
        "from credit_default import quick as good\n\n\n"
        "def train(data, output, parameters, seed):\n"
        "    good.train(data, output, parameters, seed)\n"
        "    path = output / 'evaluation.parquet'\n"
        "    table = pq.read_table(path)\n"
        "    at = table.column_names.index('score')\n"
        "    values = pa.array(np.full(table.num_rows, np.nan))\n"
        "    pq.write_table(table.set_column(at, 'score', values), path)\n"
    )
    declared = (quick / "goldenpath.toml").read_text()
    (quick / "goldenpath.toml").write_text(declared.replace(".quick:train", ".bad:train"))
    commit(quick)
    before = _everything(home)

    done = _run(home, quick, "build")

    assert done.returncode == 2
    assert b"evaluation.parquet has a 'score' that is not a number" in done.stderr
    assert _everything(home) == before


def _everything(home: Path) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """What counts in a home: registry, audit log and gitops repository, and the catalogue."""
    names = ("registry", "events", "gitops.git")
    files = (path for name in names for path in (home / name).rglob("*"))
    content = {str(path): path.read_bytes() for path in files if path.is_file()}
    try:
        with closing(sqlite3.connect(f"file:{home / 'mlflow.db'}?mode=ro", uri=True)) as database:
            rows = database.execute("select name, version from model_versions").fetchall()
            return content, rows + database.execute("select run_uuid, status from runs").fetchall()
    except sqlite3.OperationalError:
        return content, []  # nobody has made the catalogue yet


@full_size("test_a_machine_takes_the_first_commit_from_its_environment_and_follows_it")
def test_a_runner_builds_from_four_variables_and_the_release_is_in_the_registry(
    home: Path, quick: Path, tmp_path: Path
) -> None:
    (tmp_path / "docker").mkdir()
    with docker_registry(tmp_path / "docker") as address:
        acting = ("--as", "engineer", "--key", str(home.parent / "engineer"))
        shown = _run(home, quick, "platform", "show").stdout.decode()
        store = f"oci+http://{address}/models/credit-default"
        changed = tmp_path / "platform.toml"
        changed.write_text(shown.replace('"layout:registry"', f'"{store}"'))
        done = _run(home, quick, "platform", "change", str(changed), "--reason", "CI", *acting)
        assert done.returncode == 0, done.stderr.decode()

        share_environments(tmp_path / "runner")
        copy_empty_catalogue(tmp_path / "runner" / "mlflow.db")
        runner = {
            **_environment(tmp_path / "runner"),
            "GOLDENPATH_GITOPS": str(home / "gitops.git"),
            "GOLDENPATH_TRUST": msgspec.json.decode((home / "trust.json").read_bytes())["root"],
            "GOLDENPATH_SIGNING_KEY": (home / "keys" / "release.pem").read_text(),
        }
        built = run_verb(["build", "--output", "json"], environment=runner, folder=quick)
        assert built.returncode == 0, built.stderr.decode()
        digest = msgspec.json.decode(built.stdout)["digest"]

        verified = _run(home, tmp_path, "verify", f"{store}@{digest}")
        assert verified.returncode == 0, verified.stdout.decode() + verified.stderr.decode()
