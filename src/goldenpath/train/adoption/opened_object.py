"""Opens a model object in its own environment and sandbox, and takes out what can be kept.

A pickle runs code when it is opened. That code gets an environment with the libraries that the
file names, the file and the rows, and nothing else: no network, no key, no other file.
"""

import io
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from goldenpath.errors import InvalidInput, Unavailable
from goldenpath.files import open_below
from goldenpath.parsers.typed import parse_typed
from goldenpath.processes.confinement import Sandbox, interpreter_files
from goldenpath.processes.tool import run_tool
from goldenpath.settings import training_environment
from goldenpath.train.adoption.adopted_contract import AdoptionWish
from goldenpath.train.adoption.model_file import file_kind, requirements_of
from goldenpath.train.adoption.training_script import is_script
from goldenpath.train.data.table_file import Column
from goldenpath.train.environment.locked_environment import make_environment
from goldenpath.train.environment.uv_program import Uv
from goldenpath.train.program import run

ObjectForm = Literal["onnx", "lightgbm", "xgboost", "skops", "pickle"]
PROGRAM = Path(str(resources.files("goldenpath.project"))).joinpath(
    "templates", "script", "src", "my_model", "export.py"
)
"""What runs in the sandbox. A project of a script has a copy, and exports by the same code."""
LIMIT = 600.0
"""Longest duration of opening and scoring, in seconds."""
MOST_ROWS = 50_000
"""Rows that the object scores, and that the project keeps."""
_MAX_ABOUT, _MAX_FILE = 1024 * 1024, 2 * 1024 * 1024 * 1024
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+!]{1,40}$")]


class ObjectFile(msgspec.Struct, frozen=True):
    """A file that the program in the sandbox wrote. Nothing of it is trusted."""

    form: ObjectForm
    file: Literal["model.onnx", "model.txt", "model.json", "model.skops", "model.joblib"]
    types: list[str] = []
    """Types in a file of skops that have to be allowed; or why it is pickled."""
    reason: str = ""
    """Why it is no ONNX graph."""


class _About(ObjectFile, frozen=True):
    """What the program says about the object."""

    columns: list[str] = []
    classes: list[str] = []
    categories: dict[str, list[str]] = {}
    versions: dict[str, Version] = {}
    otherwise: ObjectFile | None = None
    """The object itself, beside a graph."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenedObject:
    """A model taken out of its object, and what the object answered."""

    form: ObjectForm
    content: bytes
    file: str
    types: tuple[str, ...]
    reason: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    """The categories of a column in the order that the model numbers them."""
    scores: NDArray[np.float64]
    """Shape `(rows, numbers)`."""
    versions: Mapping[str, str]
    """The versions of the libraries that opened it."""
    otherwise: "OpenedObject | None" = None
    """The object itself, if it became a graph."""


def open_object(
    wish: AdoptionWish, table: pa.Table, folder: Path, uv: Uv, *, report: Callable[[str], None]
) -> OpenedObject:
    """Open the object of `wish` in the new folder `folder`, and score the rows.

    Raises `InvalidInput` if it cannot be opened or cannot score the rows, and `Unavailable` if its
    libraries cannot be had.
    """
    kind, packages = _kind_of(wish)
    report(f"making an environment with {', '.join(packages)}")
    python, environment = _environment(folder, packages, uv)
    report(f"{'running the script' if kind == 'script' else 'opening the model'} in its sandbox")
    out, home, rows = (folder / name for name in ("out", "home", "rows.json"))
    out.mkdir()
    home.mkdir()
    work = _work(wish, folder)
    candidates = [name for name in table.column_names if name not in wish.other_columns]
    rows.write_bytes(msgspec.json.encode(_listed_columns(table)))
    request = {
        "kind": kind, "model": str(wish.model.resolve()), "rows": str(rows), "out": str(out),
        "columns": wish.features, "candidates": candidates, "task": wish.task or "",
        "work": str(work), "variable": wish.variable,
    }  # fmt: skip
    sandbox = Sandbox(
        readable=(environment, *interpreter_files(uv.python), PROGRAM, rows, wish.model.resolve()),
        writable=(out, home, work),
        temporary=1024,
    )
    result = run(
        uv.confinement.command([str(python), "-P", "-s", str(PROGRAM)], sandbox, out),
        folder=out,
        environment={
            **training_environment(uv.tools, folder, 1),
            "HOME": str(home),
            "TMPDIR": str(home),
        },
        log=folder / "log",
        limit=LIMIT,
        cancelled=threading.Event(),
        request=msgspec.json.encode(request) + b"\n",
    )
    if result.status != 0:
        raise InvalidInput(
            f"{wish.model.name} cannot be opened or cannot score the rows; the last lines of its "
            f"log:\n{result.tail}",
            hint="say the columns by --features in the order of the model, the task by --task, and "
            "a package that is missing by --requirement",
        )
    return _read(out)


def _kind_of(wish: AdoptionWish) -> tuple[str, tuple[str, ...]]:
    """Return what the file is, and the packages that it needs."""
    if is_script(wish.model):
        return "script", wish.requirements
    content = wish.model.read_bytes()
    kind = file_kind(content)
    return kind, wish.requirements or requirements_of(content, kind)


def _work(wish: AdoptionWish, folder: Path) -> Path:
    """Return the folder in which a script runs: it has the rows where the script looks for them."""
    work = folder / "work"
    work.mkdir()
    if is_script(wish.model):
        place = work / wish.rows_at
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wish.rows, place)
    return work


def _listed_columns(table: pa.Table) -> dict[str, list[object]]:
    return {
        name: _listed(table[name]) for name in table.column_names if _is_usable(table[name].type)
    }


def _is_usable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_temporal(kind) or pa.types.is_binary(kind))


def _listed(values: Column) -> list[object]:
    """Return a column as it is served: numbers rounded to 32 bits."""
    if pa.types.is_decimal(values.type):
        values = values.cast(pa.float64())
    if pa.types.is_floating(values.type):
        values = values.cast(pa.float32()).cast(pa.float64())
    listed: list[object] = values.to_pylist()
    return listed


def _environment(folder: Path, requirements: Sequence[str], uv: Uv) -> tuple[Path, Path]:
    """Return the interpreter of a new environment, and its folder."""
    project, environment = folder / "project", folder / "environment"
    project.mkdir(parents=True)
    (project / "pyproject.toml").write_bytes(
        b'[project]\nname = "adopted"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = '
        + msgspec.json.encode(requirements)
        + b"\n[tool.uv]\npackage = false\n"
    )
    lock = [uv.program, "lock", "--quiet", "--python", str(uv.python)]
    locked = run_tool(lock, seconds=300.0, folder=project, environment=uv.tools)
    if locked.exit_code != 0:
        raise Unavailable(
            f"the libraries of the model cannot be had: {locked.complaint}",
            hint="use a Python release for which they exist, or say others by --requirement",
        )
    return make_environment(project, environment, uv), environment


def _read(out: Path) -> OpenedObject:
    try:
        with open_below(out, "about.json") as file:
            about = parse_typed(file.read(_MAX_ABOUT), _About, "what is known of the object")
        with open_below(out, "scores.npy") as file:
            numbers = np.load(io.BytesIO(file.read(_MAX_FILE)), allow_pickle=False)
        scores = np.asarray(numbers, np.float64)
        itself = None
        if about.otherwise is not None:
            itself = _as_object(out, about.otherwise, about, scores)
        return _as_object(out, about, about, scores, otherwise=itself)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput(f"the object left nothing that can be read: {error}") from error


def _as_object(
    out: Path,
    written: ObjectFile,
    about: _About,
    scores: NDArray[np.float64],
    *,
    otherwise: OpenedObject | None = None,
) -> OpenedObject:
    with open_below(out, written.file) as file:
        content = file.read(_MAX_FILE)
    return OpenedObject(
        form=written.form,
        content=content,
        file=written.file,
        types=tuple(written.types),
        reason=written.reason,
        columns=tuple(about.columns),
        classes=tuple(about.classes),
        categories={name: tuple(values) for name, values in about.categories.items()},
        scores=scores,
        versions=about.versions,
        otherwise=otherwise,
    )
