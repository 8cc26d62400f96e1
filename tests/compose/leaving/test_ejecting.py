"""What `goldenpath eject` writes works with the programs of others alone."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from goldenpath.compose.leaving.ejecting import Ejected, eject
from goldenpath.digest import Digest
from goldenpath.errors import InvalidInput
from goldenpath.project.contract import parse_contract
from goldenpath.release.artifact.pack import CONTRACT
from goldenpath.release.artifact.unpack import open_release
from goldenpath.serve.model.model import OnnxModel
from tests.deploy.platform import OneMachine
from tests.promote.manifests.crds import check

TOOLS = ("sh", "sha256sum", "sed", "base64", "openssl", "grep", "ssh-keygen")
ALONE = """
import json, sys
import numpy, onnxruntime
assert not [name for name in sys.modules if name.startswith("goldenpath")]
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
feeds = {
    each.name: numpy.full([2 if not isinstance(size, int) else size for size in each.shape], 0.25,
                          numpy.float32)
    for each in session.get_inputs()
}
print(json.dumps([each.tolist() for each in session.run(None, feeds)]))
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> OneMachine:
    """A machine with one release in dev."""
    machine = OneMachine(tmp_path_factory.mktemp("machine"))
    machine.deploy((machine.release(), 100))
    return machine


@pytest.fixture(scope="module")
def ejected(machine: OneMachine) -> Ejected:
    """What was written of it."""
    return eject(machine.home, machine.folder / "left")


def test_the_manifests_are_valid_and_name_nothing_of_ours_but_the_image(ejected: Ejected) -> None:
    folder = Path(ejected.folder)
    kinds = set[str]()
    for name in ejected.manifests:
        for manifest in yaml.safe_load_all((folder / name).read_text()):
            kinds.add(manifest["kind"])
            assert manifest["apiVersion"].partition("/")[0] in {
                "serving.kserve.io", "gateway.networking.k8s.io"
            }  # fmt: skip
            if manifest["kind"] != "ServingRuntime":
                check(manifest)

    assert kinds == {"InferenceService", "HTTPRoute", "ServingRuntime"}


def test_the_model_answers_the_same_with_onnxruntime_alone(
    machine: OneMachine, ejected: Ejected
) -> None:
    (name,) = ejected.releases
    files = open_release(machine.store, Digest(ejected.releases[name])).files
    contract = parse_contract(files[CONTRACT])
    ours = OnnxModel(files["models/model.onnx"], contract)
    rows = np.full((2, len(contract.features)), 0.25, np.float32)
    answered = np.asarray(ours.predict(rows), dtype=float).ravel().tolist()

    model = Path(ejected.folder) / "releases" / name / "models" / "model.onnx"
    alone = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(model)], capture_output=True, check=True
    )

    columns = [
        column.tolist()
        for output in json.loads(alone.stdout)
        for column in np.asarray(output, dtype=float).reshape(2, -1).T
    ]
    assert answered in columns
    assert answered != [0.25, 0.25]


def test_the_check_of_a_release_needs_only_programs_of_others(ejected: Ejected) -> None:
    if absent := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(absent)} not here: the check was NOT run")
    (name,) = ejected.releases
    script = Path("checks") / f"{name}.sh"

    assert "goldenpath " not in (Path(ejected.folder) / script).read_text()
    whole = subprocess.run(["sh", script], cwd=ejected.folder, check=False, capture_output=True)
    assert whole.returncode == 0, whole.stderr

    bent = Path(ejected.folder).with_name("bent")
    shutil.copytree(ejected.folder, bent)
    blob = max(
        (bent / "registry" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size
    )
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    assert subprocess.run(["sh", script], cwd=bent, check=False, capture_output=True).returncode


def test_the_page_names_the_commit_and_every_folder(ejected: Ejected) -> None:
    page = (Path(ejected.folder) / "README.md").read_text()

    assert ejected.commit in page
    for folder in re.findall(r"^\| `([a-z]+)/` \|", page, re.MULTILINE):
        assert (Path(ejected.folder) / folder).is_dir()
    assert (ejected.failing, dict(ejected.problems)) == ((), {})


def test_a_folder_that_exists_is_left_as_it_is(machine: OneMachine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="exists already"):
        eject(machine.home, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_deployment_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    machine = OneMachine(tmp_path / "machine")
    machine.deploy((machine.release(), 100))
    machine.commit({"envs/dev/credit/route.yaml": b"kind: Nonsense\n"})

    ejected = eject(machine.home, tmp_path / "left")

    assert list(ejected.problems) == ["dev/credit"]
