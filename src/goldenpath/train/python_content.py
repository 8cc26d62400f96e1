"""Runs a model that is code as it will be served, before it is packed.

The build rebuilds its environment offline and scores rows with it, as the worker of a model server
will do with the same files. A release that could not be served, or that scores differently than the
training, is therefore never built.
"""

import io
import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput
from goldenpath.files import open_below
from goldenpath.processes.confinement import Confinement, Sandbox, interpreter_files
from goldenpath.project.spec import EVALUATION, REFERENCE, Contract, PythonModel
from goldenpath.project.task.answer_rules import AnswerRules
from goldenpath.train.environment.rebuild import rebuild_environment
from goldenpath.train.environment.runtime import Runtime, Wheel
from goldenpath.train.environment.uv_lock import LockedPackage
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.environment.wheels import choose_wheels, fetch_wheels, served_names
from goldenpath.train.evaluation.score import Scorer, checked, rows_of
from goldenpath.train.program import end, tail
from goldenpath.train.steps import TEMPORARY, TrainingContext
from goldenpath.train.training_run import Environment

SCORING = Path(__file__).with_name("scoring.py")
_SCORES, _MAX_HEAD = "scores.npy", 1024 * 1024


@dataclass(frozen=True, slots=True)
class PythonContent:
    """Code and wheels of a model that is code; the training writes its other files."""

    python: str
    """Version of the interpreter."""
    wheels: tuple[Wheel, ...]
    paths: Mapping[str, Path]
    """The path of each wheel, by file name."""
    code: Mapping[str, bytes]
    """The files of `src/` in the commit, by their path below it."""

    def runtime(self, outputs: Path) -> Runtime:
        """Return the record for the release. All outputs but the two tables belong to the model."""
        written = (path.relative_to(outputs) for path in outputs.rglob("*") if path.is_file())
        files = sorted(path.as_posix() for path in written)
        return Runtime(
            tuple(name for name in files if name not in (REFERENCE, EVALUATION)),
            self.python,
            self.wheels,
        )


def collect_content(
    context: TrainingContext,
    installed: Environment,
    locked: Sequence[LockedPackage],
    *,
    uv: Uv,
    kept: Path,
) -> PythonContent:
    """Return the code of the commit and the wheels of `project.dependencies`, fetched into `kept`.

    Raises `InvalidInput` for a package without a wheel, and `Unavailable` if a wheel cannot be
    fetched.
    """
    chosen = choose_wheels(installed.packages, locked, served_names(context.source, uv))
    return PythonContent(
        installed.python,
        tuple(wheel for wheel, _ in chosen),
        fetch_wheels(chosen, kept, uv.tools),
        read_code(context.source),
    )


def read_code(source: Path) -> Mapping[str, bytes]:
    """Return the files below `src` of an exported source, by their path below it."""
    folder = source / "src"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def unpack_content(
    content: PythonContent,
    outputs: Path,
    folder: Path,
    *,
    uv: str,
    tools: Mapping[str, str],
    confinement: Confinement,
) -> Path:
    """Put code, model and rebuilt environment into the new folder. Returns the interpreter."""
    wheels, runtime = folder / "wheels", content.runtime(outputs)
    wheels.mkdir(parents=True)
    for name, path in content.paths.items():
        (wheels / name).symlink_to(path)
    for name, code in content.code.items():
        target = folder / "code" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(code)
    for name in runtime.files:
        target = folder / "model" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(outputs / name, target)
    return rebuild_environment(
        runtime, wheels, folder / "environment", uv=uv, environment=tools, compiled=False,
        confinement=confinement,
    )  # fmt: skip


_ENDING = 1.0
"""Seconds within which a process that closed its output has ended."""


@contextmanager
def served_model(
    contract: Contract,
    model: PythonModel,
    folder: Path,
    python: Path,
    *,
    environment: Mapping[str, str],
    confinement: Confinement,
) -> Iterator[Scorer]:
    """Yield a scorer of the model in `folder`. Its process ends with the block.

    The process reads the code, the model and its environment, and has no network.

    Raises `InvalidInput` if the model does not load, dies, exceeds its time limit, or returns
    something else than scores.
    """
    with _Process(model, python, folder, environment, confinement=confinement) as process:
        width = AnswerRules(contract).width
        yield lambda table: checked(process.score(rows_of(contract, table), width), contract)


class _Process:
    """The model in its own process. When the block ends, everything that it started is killed."""

    def __init__(
        self,
        model: PythonModel,
        python: Path,
        folder: Path,
        environment: Mapping[str, str],
        *,
        confinement: Confinement,
    ) -> None:
        self._entry, self._folder = model.entry, folder
        self._exchange = folder / "exchange"
        # One call scores many rows here, so it gets the longer of the two limits.
        self._limit = max(model.start_limit, model.time_limit)
        code, files = (folder / name for name in ("code", "model"))
        sandbox = Sandbox(
            readable=(code, files, folder / "environment", *interpreter_files(python), SCORING),
            writable=(self._exchange,),
            temporary=TEMPORARY,
        )
        command = [str(python), "-P", "-s", str(SCORING)]
        self._command = confinement.command(command, sandbox, self._exchange)
        self._environment = {
            **environment,
            "HOME": str(self._exchange),
            "TMPDIR": str(self._exchange),
        }
        self._log = folder / "log"

    def __enter__(self) -> "_Process":
        self._exchange.mkdir(exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        code, model = self._folder / "code", self._folder / "model"
        self._send({"entry": self._entry, "code": str(code), "folder": str(model)})
        return self

    def __exit__(self, *_: object) -> None:
        end(self._process)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def score(self, rows: NDArray[np.float32], width: int) -> NDArray[np.float64]:
        """Return `width` numbers for each row, not yet checked to be an answer."""
        input_file, output_file = self._exchange / "rows.npy", self._exchange / _SCORES
        np.save(input_file, rows, allow_pickle=False)
        self._send({"rows": str(input_file), "scores": str(output_file), "width": width})
        if not self._answered():
            raise self._no_scores()
        scores, expected = self._read_scores(len(rows) * width), (len(rows), width)
        if scores.shape != expected:
            raise InvalidInput(
                f"the model {self._entry} returned scores of shape {scores.shape}: "
                f"expected {expected if width > 1 else expected[:1]}"
            )
        return scores

    def _no_scores(self) -> InvalidInput:
        """Return the error for a model that ended, or that was too slow."""
        try:
            # The pipe of a process that has ended may be seen to end before the process is.
            code = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            return InvalidInput(
                f"the model {self._entry} returned no scores within {self._limit:g} seconds; the "
                f"last lines of its log:\n{tail(self._log)}",
                hint="declare more seconds as start_limit under [contract.python], or try again "
                "if the machine is busy: loading the code counts too",
            )
        return InvalidInput(
            f"the model {self._entry} returned no scores: it ended with exit code {code}; the "
            f"last lines of its log:\n{tail(self._log)}"
        )

    def _read_scores(self, number: int) -> NDArray[np.float64]:
        # The model may have put anything there: a link, or a file without end.
        try:
            with open_below(self._exchange, _SCORES) as file:
                content = file.read(8 * number + _MAX_HEAD)
            scores: NDArray[np.float64] = np.load(io.BytesIO(content), allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise InvalidInput(
                f"the model {self._entry} returned scores that cannot be read: {error}"
            ) from error
        return scores

    def _send(self, message: Mapping[str, object]) -> None:
        if self._process.stdin is None:
            raise TypeError("the program was started without a pipe")
        with suppress(BrokenPipeError):  # it has died; `_answered` notices the missing answer
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _answered(self) -> bool:
        """Wait for a whole line of output. Returns False at the time limit or the end of file."""
        output = self._process.stdout
        if output is None:
            raise TypeError("the program was started without a pipe")
        deadline, line = time.monotonic() + self._limit, b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    return False
                chunk = os.read(output.fileno(), 4096)
                if not chunk:
                    return False
                line += chunk
        return True
