"""A platform on this machine with signed releases of a small model, and `goldenpath up` over it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np

from goldenpath.deploy.reconcile.status import Status, read_status
from goldenpath.digest import Digest
from goldenpath.drift.profile_format import render_profile
from goldenpath.drift.reference_profile import build_profile
from goldenpath.home import Home
from goldenpath.oci.stores.layout import LayoutStore
from goldenpath.project.contract import render_contract
from goldenpath.promote.acts.founding import PlatformOptions, platform_files
from goldenpath.promote.manifests.deployment_files import release_path, render_deployment
from goldenpath.promote.manifests.desired import Deployment, Placement, Rollout, Slot, slot_name
from goldenpath.promote.manifests.placement import render_placement
from goldenpath.promote.platform.platform import Stage
from goldenpath.promote.repository.chain_of_trust import Trusted, follow
from goldenpath.promote.repository.identity import Identity
from goldenpath.promote.repository.worktree import Repository
from goldenpath.promote.workspace.platform_setup import found
from goldenpath.release.artifact.pack import CONTRACT as CONTRACT_PATH
from goldenpath.release.artifact.pack import PROFILE, Contents, pack
from goldenpath.release.attest.attach import attach, sign_image
from goldenpath.release.attest.keys import PemSigner
from goldenpath.release.attest.signatures.sshsig import SshKey
from goldenpath.release.evidence.training_statements import statements
from tests.prepared import copy_prepared, let_git_hurry
from tests.promote.repository.deployed import replacing
from tests.release.attest.runs import BUILDER, training_run
from tests.serve.onnx_graph import logistic_regression
from tests.serve.running import CONTRACT, WEIGHTS
from tests.verbs import run_verb

PATIENCE = 40.0
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
MAIN = "from goldenpath.cli.main import main; main()"


def _repository(folder: Path) -> Repository:
    return Repository(
        str(Home(folder / "home").gitops), folder / "cache", {"PATH": os.environ["PATH"]}
    )


def _set_up(folder: Path, free: tuple[str, ...]) -> None:
    home, environment = Home(folder / "home"), {"PATH": os.environ["PATH"]}
    engineer = Identity("platform-engineer", SshKey.generate(folder / "engineer"))
    repository = _repository(folder)
    wishes = PlatformOptions("127.0.0.1:0", "registry.example/models", (engineer.name,))
    found(home, repository, engineer, wishes, environment=environment, now=NOW)
    let_git_hurry(home.gitops, repository.cache)
    trusted = follow(repository, home.trust)
    stages = tuple(
        Stage(each.name, ()) if each.name in free else each for each in trusted.platform.stages
    )
    repository.commit(
        trusted.commit, platform_files(replace(trusted.platform, stages=stages)), "change",
        engineer.name, key=engineer.key, now=datetime.now(UTC),
    )  # fmt: skip


class OneMachine:
    """A home with keys, a registry and a gitops repository; the `free` stages have no gates."""

    def __init__(self, folder: Path, free: tuple[str, ...] = ("dev",)) -> None:
        self.home = Home(folder / "home")
        self.folder = folder
        copy_prepared(("machine", free), folder, lambda place: _set_up(place, free))
        self.engineer = Identity("platform-engineer", SshKey.load(folder / "engineer"))
        self.repository = _repository(folder)
        self.store = LayoutStore(self.home.registry)
        self.signer = PemSigner.load(self.home.build_key)

    def trusted(self) -> Trusted:
        """The newest commit."""
        return follow(self.repository, self.home.trust)

    def commit(self, files: Mapping[str, bytes | None], key: SshKey | None = None) -> str:
        """One commit, by the engineer unless another key signs."""
        return self.repository.commit(
            self.repository.fetch(), files, "change", self.engineer.name,
            key=key or self.engineer.key, now=datetime.now(UTC),
        )  # fmt: skip

    def release(
        self,
        shift: float = 0.0,
        *,
        signed: bool = True,
        status: float = 0.5,
        name: str = "credit",
        ballast: int = 0,
        broken: bool = False,
        stored: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Digest:
        """A release with all its evidence; `status` is the weight of that feature.

        `ballast` is the size of a file beside the model that nobody reads but to verify it; a model
        that is `broken` is signed like any other, and cannot be loaded. `stored` has the contract
        and the profile of another release, by their paths.
        """
        outputs = self.folder / f"outputs{name}{shift},{status}"
        outputs.mkdir()
        weights = WEIGHTS.copy()
        weights[2] = status
        (outputs / "model.onnx").write_bytes(logistic_regression(weights, -0.5 + shift))
        if broken:
            (outputs / "model.onnx").write_bytes(b"this is no graph")
        if ballast:
            (outputs / "ballast.bin").touch()
            os.truncate(outputs / "ballast.bin", ballast)
        rows = np.random.default_rng(1).uniform(20, 60, 500)
        table = {
            "limit": rows * 1000, "age": rows, "status": np.floor(rows) % 3, "paid": rows * 2,
        }  # fmt: skip
        contents = Contents(
            name=name, version="1", outputs=outputs,
            contract=stored.get(
                CONTRACT_PATH, render_contract(replace(CONTRACT, name=name))
            ),
            profile=stored.get(
                PROFILE, render_profile(build_profile(CONTRACT, table, rows / 100))
            ),
            lock=b"lock",
            python_version="3.11", documents={}, commit="a" * 40,
            committed_at="2026-11-20T08:00:00Z",
            model_files=("model.onnx", "ballast.bin") if ballast else ("model.onnx",),
        )  # fmt: skip
        image = pack(self.store, contents).image
        if signed:
            for each in statements(training_run(), (image.digest,), builder=BUILDER):
                attach(self.store, image, each, self.signer, now=NOW)
            sign_image(self.store, image, f"registry.example/models/{name}", self.signer, now=NOW)
        return image.digest

    def deploy(
        self,
        *releases: tuple[Digest, int],
        key: SshKey | None = None,
        rollout: Rollout | None = None,
        stage: str = "dev",
        model: str = "credit",
    ) -> str:
        """Commits what a stage shall run."""
        slots = tuple(Slot(slot_name(digest), digest, share) for digest, share in releases)
        deployment = Deployment(stage, model, slots)
        trusted = self.trusted()
        made = render_deployment(deployment, trusted.platform)
        files = replacing(self.repository, trusted.commit, made)
        if rollout is not None:
            newest, previous = releases[-1][0], releases[0][0]
            placement = Placement(newest, previous, "", "", rollout, (), None)
            files[release_path(stage, model)] = render_placement(placement)
        return self.commit(files, key)

    def up(self, *options: str, **variables: str) -> "Up":
        """Starts `goldenpath up`."""
        return Up(self.home, options, variables)


class Up:
    """A `goldenpath up` of this test; ended by its process id."""

    def __init__(
        self, home: Home, options: tuple[str, ...] = (), variables: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        environment = {**os.environ, "GOLDENPATH_HOME": str(home.root), **(variables or {})}
        # Several of them run at the same time, and the console has a port of its own.
        quiet = () if "--console" in options else ("--no-console",)
        command = [sys.executable, "-c", MAIN, "up", "--listen", "127.0.0.1:0", *quiet, *options]
        home.run.mkdir(parents=True, exist_ok=True)
        with (home.run / "said").open("wb") as said:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )

    def __enter__(self) -> "Up":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    @property
    def status(self) -> Status | None:
        """What it published, if it did."""
        status = read_status(self.home.run / "status.json")
        return status if status and status.process == self.process.pid else None

    def until(self, holds: Callable[[Status], bool]) -> Status:
        """Waits for a status."""
        give_up = time.monotonic() + PATIENCE
        while True:
            status = self.status
            if status is not None and holds(status):
                return status
            said = (self.home.run / "said").read_text()
            assert time.monotonic() < give_up and self.process.poll() is None, (status, said)
            time.sleep(0.02)

    def children(self) -> tuple[Path, ...]:
        """Its processes, as folders that are gone once a process is."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return tuple(Path("/proc") / each for each in listed.read_text().split())

    def kill(self) -> None:
        """Ends it at once, without a chance to say goodbye."""
        self.process.kill()
        self.process.wait()


def goldenpath(home: Home, *arguments: str, **variables: str) -> tuple[int, object]:
    """Exit code and JSON answer of a verb."""
    environment = {**os.environ, "GOLDENPATH_HOME": str(home.root), **variables}
    done = run_verb([*arguments, "--output", "json"], environment=environment)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr.decode()


__all__ = ["OneMachine", "Up", "goldenpath"]
