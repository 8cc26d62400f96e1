"""A repetition is compared with its release; what trains is given, so nothing is trained here."""

import dataclasses
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goldenpath.drift.profile_format import parse_profile
from goldenpath.errors import NotFound
from goldenpath.oci.stores.memory import MemoryStore
from goldenpath.project.load import load_project
from goldenpath.project.spec import Project
from goldenpath.release.artifact.pack import pack
from goldenpath.release.attest.attach import attach
from goldenpath.release.attest.keys import key_from_pem, public_pem
from goldenpath.release.attest.policy import Policy, Verified
from goldenpath.release.attest.statement import PROVENANCE
from goldenpath.release.attest.verify import verify
from goldenpath.release.build import contents_of
from goldenpath.release.evidence.training_statements import statements
from goldenpath.release.reproduce.reproduction import (
    UNKNOWN,
    UNSTEADY,
    Reproduction,
    ReproductionTools,
    reproduce,
)
from goldenpath.train.run import Trained
from tests.release.attest.releases import NOW, new_signer
from tests.release.attest.runs import BUILDER, training_run
from tests.starter import UV, environment, unpack_release_of_0_1

Weights = Callable[[], bytes]
"""What the next training gives as its model."""


class Place:
    """The starter, and trainings that take no time."""

    def __init__(self, starter: Path, folder: Path, weights: Weights) -> None:
        self.starter, self.folder, self._weights = starter, folder, weights
        self._profile = (unpack_release_of_0_1(folder) / "profile.json").read_bytes()
        self.store = MemoryStore()
        command = ["git", "-C", str(starter), "rev-parse", "HEAD"]
        self._commit = subprocess.run(command, capture_output=True, check=True, text=True)

    def train(self, project: Project, work: Path) -> Trained:
        outputs = work / "outputs"
        outputs.mkdir(parents=True)
        (outputs / "model.onnx").write_bytes(self._weights())
        columns = {feature.name: [1.0, 2.0] for feature in project.contract.features}
        pq.write_table(pa.table(columns), outputs / "reference.parquet")
        run = training_run()
        source = dataclasses.replace(
            run.source, commit=self._commit.stdout.strip(), remote="", dirty=False
        )
        run = dataclasses.replace(run, model=project.name, source=source)
        return Trained(run, outputs, self.starter, parse_profile(self._profile), b"")

    def released(self) -> Verified:
        project = load_project(self.starter)
        trained, signer = self.train(project, self.folder / "released"), new_signer()
        image = pack(self.store, contents_of(project, trained)).image
        for statement in statements(trained.run, (image.digest,), builder=BUILDER):
            attach(self.store, image, statement, signer, now=NOW)
        policy = Policy((key_from_pem("build", public_pem(signer)),), (PROVENANCE,))
        return verify(self.store, image.digest, policy, now=NOW)

    def reproduce(self, near: Path | None = None, given: str | None = None) -> Reproduction:
        released = self.released()
        tools = ReproductionTools(
            store=self.store, near=near or self.starter, given=given, work=self.folder / "work",
            throwaway=MemoryStore, uv=UV, tools=environment(), train=self.train,
            report=lambda _: None,
        )  # fmt: skip
        return reproduce(released, tools)


def numbered() -> Iterator[bytes]:
    """Another model each time."""
    return (b"model %d" % number for number in count())


def after_the_first() -> Iterator[bytes]:
    """The release had another model than each repetition."""
    yield b"model of the release"
    while True:
        yield b"model of this machine"


def test_the_commit_may_come_from_a_clone_that_is_named(starter: Path, tmp_path: Path) -> None:
    found = Place(starter, tmp_path, lambda: b"model").reproduce(tmp_path, str(starter))

    assert found.equal


@pytest.mark.parametrize("is_given", [False, True], ids=["here", "--from"])
def test_a_commit_that_is_in_no_clone_is_not_found(
    starter: Path, tmp_path: Path, is_given: bool
) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)

    with pytest.raises(NotFound) as caught:
        Place(starter, tmp_path, lambda: b"model").reproduce(
            other, str(other) if is_given else None
        )

    assert "--from" in str(caught.value.hint)


def test_a_repetition_with_the_same_model_is_equal_and_has_no_cause(
    starter: Path, tmp_path: Path
) -> None:
    found = Place(starter, tmp_path, lambda: b"model").reproduce()

    assert (found.equal, found.causes, found.files) == (True, (), ())


@pytest.mark.parametrize(
    ("weights", "cause"), [(numbered, UNSTEADY), (after_the_first, UNKNOWN)], ids=["each", "once"]
)
def test_a_result_that_varies_is_told_from_one_that_only_differs_from_the_release(
    starter: Path, tmp_path: Path, weights: Callable[[], Iterator[bytes]], cause: str
) -> None:
    found = Place(starter, tmp_path, weights().__next__).reproduce()

    assert (found.equal, found.causes) == (False, (cause,))
    assert "models/model.onnx" in found.files
    assert found.unscored, "these are no graphs that anybody could score with"
