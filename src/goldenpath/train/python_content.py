"""A model that is code as it will be served, before it is packed: its environment is rebuilt.

What the worker of the serving machine will do is done here first, with the same files: a release
that could not be rebuilt offline, or scores otherwise than the training said, is never made.
"""

import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, PythonModel
from goldenpath.train.environment.rebuild import rebuild_environment
from goldenpath.train.environment.runtime import Runtime, Wheel
from goldenpath.train.environment.uv_lock import LockedPackage
from goldenpath.train.environment.wheels import choose_wheels, fetch_wheels, served_names
from goldenpath.train.evaluation.score import Scorer, checked, rows_of
from goldenpath.train.program import tail
from goldenpath.train.source_state import git
from goldenpath.train.steps import Bench
from goldenpath.train.training_run import Environment

SCORING = Path(__file__).with_name("scoring.py")


@dataclass(frozen=True, slots=True)
class PythonContent:
    """What a model that is code is served from, apart from the files that the training writes."""

    python: str
    wheels: tuple[Wheel, ...]
    paths: Mapping[str, Path]
    """Where each wheel lies, by its file name."""
    code: Mapping[str, bytes]
    """Files of `src/` that git keeps, by their path below it."""

    def runtime(self, outputs: Path) -> Runtime:
        """The record that travels: all that the training wrote but its two tables is the model."""
        found = (path.relative_to(outputs) for path in outputs.rglob("*") if path.is_file())
        files = sorted(path.as_posix() for path in found)
        return Runtime(
            tuple(name for name in files if name not in (REFERENCE, EVALUATION)),
            self.python,
            self.wheels,
        )


def gather(
    bench: Bench,
    installed: Environment,
    locked: Sequence[LockedPackage],
    *,
    uv: str,
    tools: Mapping[str, str],
    kept: Path,
) -> PythonContent:
    """The code at this commit, and every wheel of `project.dependencies`, fetched into `kept`.

    Raises `InvalidInput` for a package without a wheel, `Unavailable` if one cannot be had.
    """
    chosen = choose_wheels(installed.packages, locked, served_names(bench.root, uv, tools))
    return PythonContent(
        installed.python,
        tuple(wheel for wheel, _ in chosen),
        fetch_wheels(chosen, kept, bench.python, tools),
        _read_code(bench.root, tools),
    )


def _read_code(root: Path, tools: Mapping[str, str]) -> Mapping[str, bytes]:
    # What git does not keep is in no commit, so it is in no release.
    listed = git(root, tools, "ls-files", "-z", "--", "src") or ""
    found = {}
    for name in filter(None, listed.split("\0")):
        path = root / name
        if path.is_symlink() or not path.is_file():
            raise InvalidInput(f"{path} is not a regular file: a release holds no links")
        found[name.removeprefix("src/")] = path.read_bytes()
    return found


def lay_out(
    content: PythonContent, outputs: Path, place: Path, *, uv: str, tools: Mapping[str, str]
) -> Path:
    """Puts code, model and rebuilt environment into the new folder `place`; the interpreter."""
    wheels, runtime = place / "wheels", content.runtime(outputs)
    wheels.mkdir(parents=True)
    for name, path in content.paths.items():
        (wheels / name).symlink_to(path)
    for name, code in content.code.items():
        target = place / "code" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(code)
    for name in runtime.files:
        target = place / "model" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(outputs / name, target)
    return rebuild_environment(
        runtime, wheels, place / "environment", uv=uv, environment=tools, compiled=False
    )


@contextmanager
def served(
    contract: Contract,
    model: PythonModel,
    place: Path,
    python: Path,
    *,
    seen: Mapping[str, str],
    limits: Mapping[str, object],
) -> Iterator[Scorer]:
    """A scorer of the model laid out in `place`, in a process that ends with the block.

    `limits` are what the process takes away from itself first.

    Raises `InvalidInput` if the model does not load or dies, takes longer than the contract says,
    or gives scores that are none.
    """
    with _Process(model, python, place, seen, limits=limits) as process:
        yield lambda table: checked(process.score(rows_of(contract, table)))


class _Process:
    """The model in its own process; killed with all it started when the block ends."""

    def __init__(
        self,
        model: PythonModel,
        python: Path,
        place: Path,
        seen: Mapping[str, str],
        *,
        limits: Mapping[str, object],
    ) -> None:
        self._limits = limits
        self._entry, self._place = model.entry, place
        # Many rows are asked at once here, so a call gets the longer of the two limits.
        self._limit = max(model.start_limit, model.time_limit)
        self._command = [str(python), "-P", "-s", str(SCORING)]
        self._seen = seen
        self._log = place / "log"

    def __enter__(self) -> "_Process":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._place,
                env=self._seen,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        code, folder = self._place / "code", self._place / "model"
        hello = {"entry": self._entry, "code": str(code), "folder": str(folder)}
        self._tell({**hello, "limits": self._limits})
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The scores of `rows`, as they come."""
        asked, answered = self._place / "rows.npy", self._place / "scores.npy"
        np.save(asked, rows, allow_pickle=False)
        self._tell({"rows": str(asked), "scores": str(answered)})
        if not self._wait():
            raise InvalidInput(
                f"the model {self._entry} gave no scores within {self._limit:g} seconds; it last "
                f"said:\n{tail(self._log)}"
            )
        scores: NDArray[np.float64] = np.load(answered, allow_pickle=False)
        if scores.shape != (len(rows),):
            raise InvalidInput(
                f"the model {self._entry} gave scores of shape {scores.shape}: "
                f"expected {(len(rows),)}"
            )
        return scores

    def _tell(self, message: Mapping[str, object]) -> None:
        if self._process.stdin is None:
            raise TypeError("the program was started without a pipe")
        with suppress(BrokenPipeError):  # it has died; that there is no answer says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _wait(self) -> bool:
        """Whether a whole line came before the limit."""
        said = self._process.stdout
        if said is None:
            raise TypeError("the program was started without a pipe")
        deadline, line = time.monotonic() + self._limit, b""
        with selectors.DefaultSelector() as selector:
            selector.register(said, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    return False
                part = os.read(said.fileno(), 4096)
                if not part:
                    return False
                line += part
        return True
