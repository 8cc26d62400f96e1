"""A model that is code: trained, scored in its rebuilt environment, and packed with its wheels."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput, Unavailable, VerificationError
from goldenpath.oci.manifest import MAX_MANIFEST, Manifest
from goldenpath.oci.store import read
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.project.load import load_project
from goldenpath.project.scaffold import create
from goldenpath.project.spec import Project, PythonModel
from goldenpath.release.artifact.pack import CODE, PROFILE, RUNTIME, WHEELS, Packed, pack
from goldenpath.release.artifact.unpack import open_release, unpack
from goldenpath.release.build import contents_of
from goldenpath.release.reproduce.score_distance import distance, is_served_from
from goldenpath.train.environment.rebuild import installed, rebuild_environment
from goldenpath.train.environment.runtime import Runtime, parse_runtime, render_runtime
from goldenpath.train.evaluation.evaluate import columns_of
from goldenpath.train.python_content import read_code, served_model, unpack_content
from goldenpath.train.run import Trained, train
from goldenpath.train.source.source_export import export_commit
from goldenpath.train.source_state import open_checkout
from tests.confined import confined
from tests.quick_project import commit, leave_out_tests
from tests.sizes import full_size
from tests.starter import KEPT, NOW, UV, environment

pytestmark = pytest.mark.timeout(300)  # it installs two environments

HERE = confined()


def _train(project: Project, work: Path) -> Trained:
    tools = environment()
    return train(
        project, work, uv=UV, now=lambda: NOW, report=lambda _: None, tools=tools, kept=KEPT
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("python") / "scorecard"
    create("scorecard", folder, uv=UV, now=NOW, environment=environment(), framework="python")
    leave_out_tests(folder)
    file = folder / "goldenpath.toml"
    text = file.read_text()
    text = text.replace("[training.parameters]", "[training.parameters]\nsample = 2000")
    # That a training is repeatable is tested in `test_run.py`.
    file.write_text(text.replace("time_limit", "repeatable = false\ntime_limit", 1))
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def scorecard(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return _train(load_project(project), tmp_path_factory.mktemp("work") / "first")


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def packed(project: Path, scorecard: Trained, store: MemoryStore) -> Packed:
    return pack(store, contents_of(load_project(project), scorecard))


def test_the_scores_of_the_rebuilt_environment_are_those_of_the_training(
    scorecard: Trained,
) -> None:
    checks = {check.name: check.passed for check in scorecard.run.checks}

    assert checks["equality of the export"]
    assert scorecard.run.largest_skew < 1e-6


def test_a_release_contains_code_runtime_and_each_wheel_in_its_own_layer(
    packed: Packed, store: MemoryStore, tmp_path: Path
) -> None:
    unpack(store, packed.image.digest, tmp_path / "release")
    runtime = parse_runtime((tmp_path / "release" / RUNTIME).read_bytes())

    assert runtime.files == ("scorecard.json",)
    assert [wheel.name for wheel in runtime.wheels] == ["numpy"]
    for wheel in runtime.wheels:
        content = (tmp_path / "release" / WHEELS / wheel.file).read_bytes()
        assert Digest.of(content).text == wheel.digest
    assert (tmp_path / "release" / CODE / "scorecard" / "serve.py").is_file()
    assert (tmp_path / "release" / "models" / "scorecard.json").is_file()
    manifest = Manifest.parse(read(store, packed.modelpack, MAX_MANIFEST))
    kinds = [layer.media_type.split(".")[-3] for layer in manifest.layers]
    assert sorted(kinds) == ["code", "code", "doc", "weight"]


def test_two_releases_of_code_score_the_same_rows_each_in_its_own_environment(
    project: Path, packed: Packed, scorecard: Trained, store: MemoryStore, tmp_path: Path
) -> None:
    released, declared = open_release(store, packed.image.digest).files, load_project(project)
    card = json.loads(released["models/scorecard.json"])
    card["intercept"] += 0.5
    other = {**released, "models/scorecard.json": json.dumps(card).encode()}
    table = columns_of(scorecard.outputs / "reference.parquet", declared.contract)

    difference = distance(
        declared, table, released, other, work=tmp_path / "work", uv=UV, tools=environment()
    )

    assert difference.rows == len(table["age"])
    assert 0 < difference.mean < difference.largest < 0.125
    assert difference.decisions_changed > 0
    served = [name for name in sorted(released) if is_served_from(declared, name)]
    assert "models/scorecard.json" in served
    assert RUNTIME in served
    assert PROFILE not in served


def _rebuild(runtime: Runtime, wheels: Path, to: Path) -> Path:
    return rebuild_environment(
        runtime, wheels, to, uv=UV, environment=environment(), compiled=False, confinement=HERE
    )


def test_an_environment_is_rebuilt_offline_from_the_files_of_the_release(
    packed: Packed, store: MemoryStore, tmp_path: Path
) -> None:
    unpack(store, packed.image.digest, tmp_path / "release")
    runtime = parse_runtime((tmp_path / "release" / RUNTIME).read_bytes())

    python = _rebuild(runtime, tmp_path / "release" / WHEELS, tmp_path / "environment")

    assert python.is_file()
    assert installed(tmp_path / "environment") == {w.name: w.version for w in runtime.wheels}


def test_a_wheel_with_another_hash_is_refused_and_leaves_no_environment(
    scorecard: Trained, tmp_path: Path
) -> None:
    assert scorecard.content is not None
    runtime = scorecard.content.runtime(scorecard.outputs)
    (wheel,) = runtime.wheels
    original = scorecard.content.paths[wheel.file].read_bytes()
    (tmp_path / wheel.file).write_bytes(original[:-1] + bytes([original[-1] ^ 1]))

    with pytest.raises(VerificationError, match="cannot be made"):
        _rebuild(runtime, tmp_path, tmp_path / "environment")
    assert not (tmp_path / "environment").exists()


def test_a_missing_version_of_python_is_an_error(scorecard: Trained, tmp_path: Path) -> None:
    assert scorecard.content is not None
    runtime = replace(scorecard.content.runtime(scorecard.outputs), python="3.9.1")

    with pytest.raises(Unavailable, match=r"Python 3\.9\.1"):
        _rebuild(runtime, KEPT, tmp_path / "environment")


@pytest.fixture(scope="module")
def place(scorecard: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert scorecard.content is not None
    folder = tmp_path_factory.mktemp("content") / "place"
    unpack_content(
        scorecard.content, scorecard.outputs, folder, uv=UV, tools=environment(), confinement=HERE
    )
    return folder


_REFUSED = full_size("test_a_model_that_fails_or_returns_other_values_is_refused")


@pytest.mark.parametrize(
    ("body", "message", "limit"),
    [
        ("raise RuntimeError('no model here')", "no model here", 30),
        ("return lambda rows: np.full(len(rows), 1.5)", r"expected scores in \[0, 1\]", 30),
        pytest.param("return lambda rows: np.zeros(3)", "of shape", 30, marks=_REFUSED),
        pytest.param("import os; os._exit(3)", "returned no scores", 30, marks=_REFUSED),
        ("import time; time.sleep(60)", "within 0.5 seconds", 0.5),
    ],
)
def test_a_model_that_fails_or_returns_other_values_is_refused(
    project: Path, place: Path, body: str, message: str, limit: float
) -> None:
    file = place / "code" / "scorecard" / "serve.py"
    file.write_text(f"import numpy as np\n\n\ndef load(files):\n    {body}\n")
    contract = load_project(project).contract
    model = PythonModel("scorecard.serve:load", time_limit=0.5, start_limit=limit)
    table = {feature.name: np.ones(9) for feature in contract.features}
    python = place / "environment" / "bin" / "python"

    with (
        pytest.raises(InvalidInput, match=message),
        served_model(
            contract,
            model,
            place,
            python,
            environment={"PATH": os.environ["PATH"]},
            confinement=HERE,
        ) as score,
    ):
        score(table)


def test_the_code_of_a_release_is_that_of_the_commit_and_not_of_the_work_tree(
    project: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(project, tmp_path / "project"))
    (folder / ".git" / "info" / "exclude").write_text("hidden.py\n")
    (folder / "src" / "scorecard" / "hidden.py").write_text("not committed")
    (folder / "src" / "scorecard" / "serve.py").write_text("changed")
    with open_checkout(folder, environment()) as checkout:
        export_commit(checkout.repository, checkout.entries, tmp_path / "source")

    code = read_code(tmp_path / "source")

    assert checkout.changes == ("src/scorecard/hidden.py", "src/scorecard/serve.py")
    assert "scorecard/hidden.py" not in code
    assert code["scorecard/serve.py"] == (project / "src/scorecard/serve.py").read_bytes()


def test_a_runtime_is_read_back_equal_and_a_changed_one_is_refused() -> None:
    runtime = Runtime(("model.txt",), "3.11.7", ())
    assert parse_runtime(render_runtime(runtime)) == runtime

    for text in (
        render_runtime(runtime) + b" ",
        render_runtime(runtime).replace(b'"version":1', b'"version":2'),
        render_runtime(runtime).replace(
            b"[]", b'[{"digest":"","file":"../x.whl","name":"x","version":"1"}]'
        ),
    ):
        with pytest.raises(InvalidInput):
            parse_runtime(text)
