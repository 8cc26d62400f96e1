"""The starter trained once, and a quick variant of it for trainings that fail."""

import shutil
from pathlib import Path

import pytest

from goldenpath.project.load import load_project
from goldenpath.project.spec import Project
from goldenpath.train.data.data_cache import DataCache
from goldenpath.train.run import Trained, train
from tests.quick_project import commit, leave_out_tests, quicken
from tests.starter import KEPT, LASTING, NOW, UV, environment

ENTRY = "credit_default.train:train"
ONCE = "repeatable = false\n"


def train_here(project: Project, work: Path, data_cache: DataCache | None = None) -> Trained:
    """Train as the build does, with a fixed time."""
    return train(
        project, work, uv=UV, now=lambda: NOW, report=lambda _: None, tools=environment(),
        kept=KEPT, data_cache=data_cache,
    )  # fmt: skip


class Quick:
    """The starter without its slow tests, trained once. `write` replaces its training."""

    def __init__(self, folder: Path, outputs: Path) -> None:
        self.folder = folder
        leave_out_tests(folder)
        self.edit("goldenpath.toml", "time_limit", f"{ONCE}time_limit")
        shutil.copytree(outputs, folder / "prepared")

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text, which has to be in the file."""
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new, 1))

    def write(self, body: str) -> None:
        """Commit a training that copies the outputs of the real one, then runs `body`."""
        self.edit("goldenpath.toml", ENTRY, "credit_default.quick:train")
        (self.folder / "src/credit_default/quick.py").write_text(
            "import shutil\nfrom pathlib import Path\n\n\n"
            "def train(data, output, parameters, seed):\n"
            "    for path in (Path(__file__).parents[2] / 'prepared').iterdir():\n"
            "        shutil.copy(path, output)\n"
            f"    {body}\n"
        )
        commit(self.folder)

    def run(self, body: str, work: Path) -> Trained:
        """Write such a training and run it."""
        self.write(body)
        return self.train(work)

    def train(self, work: Path, data_cache: DataCache | None = None) -> Trained:
        """Train the project as it is now."""
        return train_here(load_project(self.folder), work, data_cache)


@pytest.fixture(scope="session")
def trained(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The starter with its own training, for tests of the full size."""
    return train_here(load_project(starter), tmp_path_factory.mktemp(f"{LASTING}work") / "first")


@pytest.fixture(scope="session")
def brief(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The starter with a training that takes a second."""
    shelf = tmp_path_factory.mktemp(f"{LASTING}brief")
    folder = Path(shutil.copytree(starter, shelf / "credit-default"))
    declared = (folder / "goldenpath.toml").read_text()
    few = "[training.parameters]\nsample = 900"
    (folder / "goldenpath.toml").write_text(declared.replace("[training.parameters]", few, 1))
    quicken(folder)
    return train_here(load_project(folder), shelf / "work")


@pytest.fixture(scope="session")
def prepared(brief: Trained) -> Path:
    """Outputs of the right form."""
    return brief.outputs


@pytest.fixture
def quick(project: Path, brief: Trained) -> Quick:
    return Quick(project, brief.outputs)
